"""Latencies that were measured, and what share of them is below what."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence

_S_TO_MS = 1000


class Latencies:
    """Every latency, none thinned out, so that the rare ones are exact: eight bytes each."""

    def __init__(self, seconds: Iterable[float] = ()) -> None:
        self._seconds = array("d", seconds)

    def __len__(self) -> int:
        return len(self._seconds)

    def add(self, seconds: float) -> None:
        """Count one."""
        self._seconds.append(seconds)

    def percentiles_ms(self, *percents: float) -> list[float]:
        """Return for each percent the least latency, in ms, that so many percent do not exceed; nan where none is."""
        return self._of(self._seconds, percents)

    def blocks_ms(self, percent: float, blocks: int = 10) -> list[float]:
        """Return a percentile of each of so many parts, in the order in which they were counted."""
        size = max(1, len(self) // blocks)
        parts = (self._seconds[begin : begin + size] for begin in range(0, size * min(blocks, len(self)), size))
        return [self._of(part, (percent,))[0] for part in parts]

    @staticmethod
    def _of(seconds: Sequence[float], percents: Sequence[float]) -> list[float]:
        ordered = sorted(seconds)
        if not ordered:
            return [math.nan] * len(percents)
        # Rounded, because 99.9 / 100 * 1000 is a little more than 999.
        ranks = (math.ceil(round(percent * len(ordered) / 100, 6)) for percent in percents)
        return [ordered[max(rank, 1) - 1] * _S_TO_MS for rank in ranks]
