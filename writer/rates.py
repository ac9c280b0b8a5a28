"""How often something may happen: one bucket per key, by the generic cell rate algorithm (ITU-T I.371).

A bucket is one number, the time at which the next request would be exactly on schedule. Pure: the time is passed in, in
whole nanoseconds, so that "wait this long" is exactly true.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

S_TO_NS: Final = 1_000_000_000

# What is remembered is looked at for being over now and then, and more of it than is added, so that it all goes.
SWEEP_EVERY: Final = 8  # requests
SWEPT: Final = 16


class Buckets:
    """At most `per_s` a second for each key in the long run, and `burst` at once. `per_s` 0: no limit.

    At most `max_keys` keys are remembered. Beyond that the one that was longest without a request is forgotten, which
    gives that key its burst again: a limit that errs does so in favour of its user.
    """

    def __init__(self, per_s: float, burst: int, max_keys: int) -> None:
        self._interval_ns = round(S_TO_NS / per_s) if per_s > 0 else 0
        self._tolerance_ns = self._interval_ns * (max(1, burst) - 1)
        self._max_keys = max_keys
        self._due_ns: OrderedDict[Hashable, int] = OrderedDict()  # in the order of the last request
        self._unswept = 0  # requests since buckets were looked at

    def __len__(self) -> int:
        """Return how many keys are remembered."""
        return len(self._due_ns)

    def wait_ns(self, key: Hashable, now_ns: int) -> int:
        """Return how long the key has to wait for its next request; 0 when it may have it now."""
        wait_ns = self._due_ns.get(key, 0) - self._tolerance_ns - now_ns
        return wait_ns if wait_ns > 0 else 0  # noqa: FURB136  a call of `max`, four times a comment

    def take(self, key: Hashable, now_ns: int) -> None:
        """Count a request that `wait_ns` allowed."""
        if not self._interval_ns:
            return
        due = self._due_ns
        due_ns = due.get(key, now_ns)
        due[key] = (due_ns if due_ns > now_ns else now_ns) + self._interval_ns  # noqa: FURB136
        due.move_to_end(key)
        self._unswept += 1
        if self._unswept >= SWEEP_EVERY or len(due) > self._max_keys:
            self._sweep(now_ns)

    def give_back(self, key: Hashable) -> None:
        """Let a request that was taken count as if it had not been."""
        due_ns = self._due_ns.get(key)
        if due_ns is not None:
            self._due_ns[key] = due_ns - self._interval_ns

    def _sweep(self, now_ns: int) -> None:
        """Forget keys whose bucket is full again, from the one longest without a request on."""
        self._unswept = 0
        due = self._due_ns
        for _ in range(min(SWEPT, len(due))):
            oldest = next(iter(due))
            if due[oldest] > now_ns and len(due) <= self._max_keys:
                return
            del due[oldest]
