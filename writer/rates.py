"""How often something may happen: one bucket per key, by the generic cell rate algorithm (ITU-T I.371).

A bucket is one number, the time at which the next request would be exactly on schedule. Pure: the time is passed in, in
whole nanoseconds, so that "wait this long" is exactly true.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

S_TO_NS: Final = 1_000_000_000

_SWEPT_PER_TAKE: Final = 2  # buckets looked at for having run full again: more than are added, so that they all go


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

    def __len__(self) -> int:
        """Return how many keys are remembered."""
        return len(self._due_ns)

    def wait_ns(self, key: Hashable, now_ns: int) -> int:
        """Return how long the key has to wait for its next request; 0 when it may have it now."""
        due_ns = self._due_ns.get(key)
        if due_ns is None:
            return 0
        return max(0, due_ns - self._tolerance_ns - now_ns)

    def take(self, key: Hashable, now_ns: int) -> None:
        """Count a request that `wait_ns` allowed."""
        if not self._interval_ns:
            return
        self._due_ns[key] = max(self._due_ns.get(key, 0), now_ns) + self._interval_ns
        self._due_ns.move_to_end(key)
        self._sweep(now_ns)

    def give_back(self, key: Hashable) -> None:
        """Let a request that was taken count as if it had not been."""
        due_ns = self._due_ns.get(key)
        if due_ns is not None:
            self._due_ns[key] = due_ns - self._interval_ns

    def _sweep(self, now_ns: int) -> None:
        """Forget keys whose bucket is full again, from the one longest without a request on."""
        for _ in range(_SWEPT_PER_TAKE):
            oldest = next(iter(self._due_ns))
            if self._due_ns[oldest] > now_ns and len(self._due_ns) <= self._max_keys:
                return
            del self._due_ns[oldest]
            if not self._due_ns:
                return
