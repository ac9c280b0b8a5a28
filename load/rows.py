"""The rows of locust's table that are not requests: what reached the viewers, and what did not.

Deliveries are counted in heaps, twice a second: there are tens of thousands a second, and locust's own way to count a
request costs more than reading one. They stay out of locust's sum of all requests, which is about requests.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any, Final

from locust.env import Environment
from locust.stats import RequestStats, StatsEntry, StatsError

VIEWER: Final = "viewer"
CHECK: Final = "check"
TO_VIEWER: Final = "post to viewer"
MISSED: Final = "missed"
REPEATED: Final = "repeated"
OUT_OF_ORDER: Final = "out of order"
LOAD: Final = "load"
BEHIND: Final = "behind"  # how much later than it wanted a process of the load itself got to run
FLUSH_S: Final = 0.5


class Deliveries:
    """Comments that reached watchers of this process, and how late, since they were last put into the table."""

    def __init__(self) -> None:
        self._late_ms: Counter[int] = Counter()
        self._count = 0

    def add(self, late_ms: float | None) -> None:
        """Count one; without a time it is one of somebody else's comments."""
        self._count += 1
        if late_ms is not None:
            self._late_ms[_rounded(late_ms)] += 1

    def flush(self, stats: RequestStats) -> None:
        """Put them into the table."""
        late_ms, self._late_ms = self._late_ms, Counter()
        count, self._count = self._count, 0
        if late_ms:
            _add(stats.get(TO_VIEWER, VIEWER), late_ms)
        for name in (REPEATED, OUT_OF_ORDER):
            if count:
                _add(stats.get(name, CHECK), Counter({0: count}))


def fail(stats: RequestStats, name: str, times: int, says: str) -> None:
    """Have the table say that something went wrong so many times."""
    if times:
        now = int(time.time())
        for entry in (stats.get(name, CHECK), stats.total):
            entry.num_failures += times
            entry.num_fail_per_sec[now] = entry.num_fail_per_sec.get(now, 0) + times
        key = StatsError.create_key(CHECK, name, says)
        error = stats.errors.setdefault(key, StatsError(CHECK, name, says))
        error.occurrences += times


def owed(stats: RequestStats, count: int) -> None:
    """Have the table say how many comments the watchers were owed altogether."""
    if count:
        _add(stats.get(MISSED, CHECK), Counter({0: count}))


def behind(stats: RequestStats, late_s: float) -> None:
    """Have the table say how late this process itself was."""
    _add(stats.get(BEHIND, LOAD), Counter({_rounded(max(0.0, late_s) * 1000): 1}))


def tell(environment: Environment, kind: str, name: str, took_s: float, failure: Exception | None = None) -> None:
    """Have locust count something that took its time, as a request of its own."""
    environment.events.request.fire(
        request_type=kind, name=name, response_time=took_s * 1000, response_length=0, exception=failure, context={}
    )


def _add(entry: StatsEntry, late_ms: Counter[int]) -> None:
    """Do what `StatsEntry.log` does for each, once for all."""
    now, count = time.time(), late_ms.total()
    entry.num_requests += count
    entry.num_reqs_per_sec[int(now)] = entry.num_reqs_per_sec.get(int(now), 0) + count
    entry.last_request_timestamp = now
    entry.total_response_time += sum(ms * times for ms, times in late_ms.items())
    least, most = min(late_ms), max(late_ms)
    entry.min_response_time = least if entry.min_response_time is None else min(entry.min_response_time, least)
    entry.max_response_time = max(entry.max_response_time, most)
    times_of: Any = entry.response_times
    for ms, times in late_ms.items():
        times_of[ms] = times_of.get(ms, 0) + times


def _rounded(late_ms: float) -> int:
    """Two figures are enough above 100 ms; as locust does it."""
    if late_ms < 100:
        return round(late_ms)
    return round(late_ms, -1) if late_ms < 1000 else round(late_ms, -2)  # type: ignore[return-value]
