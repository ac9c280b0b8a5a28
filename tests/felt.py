"""How soon something is felt, on a machine that may be busy with other things."""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable

TIMES = 5


async def felt_s(once: Callable[[int], Awaitable[float]]) -> float:
    """Do it several times, `once(0)`, `once(1)` …, each of which says how long it took. Return the one in the middle.

    Any single one may be held up by what else runs here; the one in the middle says what the code does.
    """
    return statistics.median([await once(time) for time in range(TIMES)])
