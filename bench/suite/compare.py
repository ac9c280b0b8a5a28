"""Telling a change from noise: two runs' samples of a figure, held against each other.

Two tests, and both must agree. The Mann-Whitney U test asks whether samples of the one tend to lie above those of the
other; it assumes nothing of their distribution. A bootstrap of the ratio of the medians says how large the change may
be: its 95 % interval must lie outside of `SAME` around 1. What was measured too few times is shown, and never called a
change.

Both see what changes within a run, not what changed on the machine between two. So hold a run against several earlier
ones: their samples count together, and how far their medians lie apart is noise by itself, which a change must exceed.
With p below 0.01, one figure in a hundred is called a change by chance at most.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

import numpy as np
from scipy import stats

from bench.figure import Figure
from bench.suite.result import Result

LEAST_SAMPLES: Final = 4  # with fewer, no outcome of the test is rare enough
SIGNIFICANT: Final = 0.01
SAME: Final = 0.03  # a smaller change is none that anybody would act on
RESAMPLES: Final = 5_000
SEED: Final = 1


@dataclass(frozen=True, slots=True)
class Compared:
    """A figure of two runs. `ratio` is the later one's median over the earlier one's, `low` to `high` its interval."""

    part: str
    name: str
    unit: str
    before: float
    after: float
    ratio: float
    low: float
    high: float
    p: float  # nan where there were too few samples
    verdict: str  # 'better', 'worse', 'noise', or 'too few'


def compare(earlier: Sequence[Result], later: Result) -> list[Compared]:
    """Compare a run with one or several before it, whose samples count together."""
    before: dict[tuple[str, str], list[list[float]]] = {}
    for result in earlier:
        for part, figures in result.figures().items():
            for figure in figures:
                if figure.numbers:
                    before.setdefault((part, figure.name), []).append(figure.numbers)
    return [
        _judge(part, figure, before[part, figure.name])
        for part, figures in later.figures().items()
        for figure in figures
        if (part, figure.name) in before and figure.numbers
    ]


def _judge(part: str, figure: Figure, runs: list[list[float]]) -> Compared:
    old, new = [number for numbers in runs for number in numbers], figure.numbers
    p, same = _p(old, new), max(1 + SAME, _apart(runs))
    before, after = median(old), median(new)
    low, high = _interval(old, new)
    ratio = after / before if before else math.nan
    verdict = "noise"
    if math.isnan(p):
        verdict = "too few"
    elif p < SIGNIFICANT and (low > same or high < 1 / same):
        verdict = "better" if (ratio < 1) == (figure.better == "lower") else "worse"
    return Compared(part, figure.name, figure.unit, before, after, ratio, low, high, p, verdict)


def _apart(runs: list[list[float]]) -> float:
    """Return how many times the lowest median of the earlier runs goes into the highest: what changes by itself."""
    medians = [median(numbers) for numbers in runs]
    return max(medians) / min(medians) if min(medians) > 0 else 1.0


def _p(old: Sequence[float], new: Sequence[float]) -> float:
    if min(len(old), len(new)) < LEAST_SAMPLES:
        return math.nan
    return float(stats.mannwhitneyu(old, new, alternative="two-sided").pvalue)


def _interval(old: Sequence[float], new: Sequence[float]) -> tuple[float, float]:
    """Return the middle 95 % of the ratio of medians over samples drawn anew from both."""
    chance = np.random.default_rng(SEED)
    ones = np.median(chance.choice(np.asarray(old), (RESAMPLES, len(old))), axis=1)
    others = np.median(chance.choice(np.asarray(new), (RESAMPLES, len(new))), axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = np.nanpercentile(others / ones, (2.5, 97.5))
    return float(low), float(high)
