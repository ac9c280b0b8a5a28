"""A change is told from noise, and nothing is called one that was measured too few times."""

from __future__ import annotations

import random
from dataclasses import asdict

import pytest

from bench.figure import Figure
from bench.suite.check import COMMENT, DELIVERY, WRITE, check
from bench.suite.compare import compare
from bench.suite.result import Result


def result(*figures: Figure) -> Result:
    made = {"figures": [asdict(figure) for figure in figures]}
    return Result({"machine": {}, "parts": {"fanout": {"failed": None, "results": [made]}}})


def around(middle: float, times: int, seed: int, spread: float = 0.05) -> list[float]:
    chance = random.Random(seed)
    return [middle * chance.uniform(1 - spread, 1 + spread) for _ in range(times)]


def verdict(before: list[float], after: list[float], better: str = "lower") -> str:
    earlier, later = (result(Figure("cost", "µs", samples, better)) for samples in (before, after))
    (found,) = compare([earlier], later)
    return found.verdict


def test_what_costs_a_quarter_more_is_worse_and_a_quarter_less_is_better():
    assert verdict(around(10, 5, 1), around(12.5, 5, 2)) == "worse"
    assert verdict(around(12.5, 5, 1), around(10, 5, 2)) == "better"


def test_of_a_rate_more_is_better():
    assert verdict(around(1000, 5, 1), around(1300, 5, 2), better="higher") == "better"


@pytest.mark.parametrize("seed", range(20))
def test_the_same_again_is_noise(seed):
    assert verdict(around(10, 7, seed), around(10, 7, seed + 1000)) == "noise"


def test_a_difference_that_nobody_would_act_on_is_noise_however_sure_it_is():
    assert verdict(around(10, 50, 1, 0.002), around(10.1, 50, 2, 0.002)) == "noise"


def test_what_was_measured_once_is_never_called_a_change():
    assert verdict([10.0], [20.0]) == "too few"


def test_samples_of_several_earlier_runs_count_together():
    several = [result(Figure("cost", "µs", around(10, 3, seed))) for seed in (1, 2, 3)]
    (found,) = compare(several, result(Figure("cost", "µs", around(14, 5, 4))))
    assert found.verdict == "worse"


def test_what_differs_no_more_than_earlier_runs_did_among_themselves_is_noise():
    before = [result(Figure("cost", "µs", around(middle, 7, seed, 0.01))) for seed, middle in ((1, 10), (2, 12))]
    (same,) = compare(before, result(Figure("cost", "µs", around(12.2, 7, 3, 0.01))))
    (other,) = compare(before, result(Figure("cost", "µs", around(16, 7, 4, 0.01))))
    assert (same.verdict, other.verdict) == ("noise", "worse")
    (alone,) = compare(before[:1], result(Figure("cost", "µs", around(12.2, 7, 3, 0.01))))
    assert alone.verdict == "worse"  # one earlier run does not say how far runs lie apart


def test_a_figure_that_the_earlier_run_does_not_have_is_left_out():
    assert compare([result(Figure("another", "µs", [1.0]))], result(Figure("cost", "µs", [1.0]))) == []


def test_ratios_outside_of_their_margins_are_told_both_ways():
    recorded = {WRITE: {"ratio": 1.2, "margin": 0.2}, DELIVERY: {"ratio": 0.04, "margin": 0.2}}
    recorded[COMMENT] = {"ratio": 0.2, "margin": 0.2}
    found = check({WRITE: 1.43, DELIVERY: 0.05, COMMENT: 0.15}, recorded)
    assert [one.verdict for one in found] == ["as recorded", "slower", "faster"]
