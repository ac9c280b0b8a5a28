"""One edge and one busy video: rounds of writing, slice by slice, with the real pacer (`edge/pacer.py`).

Comments come in at a constant pace. A slice of viewers is written everything there is when its turn comes, as
`edge/channel.py` does it, so a comment reaches the rest of the viewers in the round under way, and those before them in
the next one. A slice costs what was measured: a write for each of its viewers, and what further comments in it cost.
Between slices the event loop takes in what has come meanwhile, at a price for each comment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from edge.channel import SLICE
from edge.pacer import Pacer

US: Final = 1_000_000
WITHIN_A_SLICE: Final = (0.125, 0.375, 0.625, 0.875)  # viewers of a slice are written to one after the other


@dataclass(frozen=True, slots=True)
class Paced:
    """What viewers get: latencies in ms, from when a comment came to the edge until a slice was written it."""

    p50_ms: float
    p90_ms: float
    p99_ms: float
    delivered_per_s: float
    comments_a_write: float
    busy: float  # share of the event loop's time that went into writing


def simulate(
    viewers: int,
    per_s: float,
    seconds: float,
    us_per_write: float,
    us_per_further: float,
    *,
    us_per_comment: float = 0.0,
    base_ms: float = 0.0,
) -> Paced:
    """Simulate an edge with so many viewers of one video. `base_ms` is what lies before and after the edge."""
    pacer = Pacer()
    slices = [min(SLICE, viewers - begin) for begin in range(0, viewers, SLICE)]
    had = [0] * len(slices)  # comments that each slice has been written
    came = 0  # comments that have been taken in
    total = int(per_s * seconds)
    now, busy_s, writes, deliveries = 0.0, 0.0, 0, 0
    latencies: list[float] = []
    weights: list[int] = []
    while min(had) < total:
        if min(had) >= _come(now, per_s, total):
            now = (min(had)) / per_s + 1e-9  # asleep until the next comment
        cost_s = 0.0
        for place, size in enumerate(slices):
            waiting = _come(now, per_s, total)
            now += (waiting - came) * us_per_comment / US
            came = waiting
            fresh = came - had[place]
            if fresh <= 0:
                continue
            took_s = size * (us_per_write + (fresh - 1) * us_per_further) / US
            for share in WITHIN_A_SLICE:
                latencies += [now + share * took_s - index / per_s for index in range(had[place], came)]
                weights += [size] * fresh
            now += took_s
            cost_s += took_s
            had[place] = came
            writes += size
            deliveries += size * fresh
        busy_s += cost_s
        now += pacer.wrote(now, cost_s)
    order = np.argsort(latencies)
    shares = np.cumsum(np.asarray(weights)[order]) / sum(weights)
    ordered = np.asarray(latencies)[order] * 1000 + base_ms
    return Paced(
        p50_ms=float(ordered[np.searchsorted(shares, 0.5)]),
        p90_ms=float(ordered[np.searchsorted(shares, 0.9)]),
        p99_ms=float(ordered[np.searchsorted(shares, 0.99)]),
        delivered_per_s=deliveries / now,
        comments_a_write=deliveries / writes,
        busy=busy_s / now,
    )


def _come(now: float, per_s: float, total: int) -> int:
    """Return how many comments have come in: the first at 0."""
    return min(total, int(now * per_s) + 1)
