"""How far the quiet videos of a shard were asked for (`probe.py`). Pure: times come in as arguments, in seconds."""

from __future__ import annotations

from collections import deque
from math import ceil
from typing import Final

INTERVAL_S: Final = 0.5  # they are asked for so often
LAG_S: Final = 0.5  # replicas that answer are less behind their leader, as a rule
LONG_LAG_S: Final = 20.0  # … and than this without exception: these are looked at again
LONG_EVERY_S: Final = 20.0  # … so often


class Asked:
    """Up to which number the quiet videos of a shard, asked for before, need not be asked for again.

    A video that is quiet is asked for each time, so what was stored up to one time was seen then: unless the replica
    that answered was behind its leader. So what was stored is asked for once more when it is `LAG_S` old, and now and
    then what was stored within `LONG_LAG_S` is.
    """

    def __init__(self) -> None:
        self._notes: deque[tuple[float, int]] = deque(maxlen=ceil(LONG_LAG_S / INTERVAL_S) + 1)
        self._long_at = -LONG_EVERY_S

    @property
    def at(self) -> float:
        """When all of them were asked for last."""
        return self._notes[-1][0] if self._notes else float("-inf")

    def upto(self, now: float) -> int:
        """Return that number; 0 for all."""
        lag_s = LAG_S
        if now - self._long_at >= LONG_EVERY_S:
            self._long_at = now
            lag_s = LONG_LAG_S
        return next((number for noted_at, number in reversed(self._notes) if self.at - noted_at >= lag_s), 0)

    def note(self, now: float, number: int) -> None:
        """All of them were asked for at this time, and `number` was the shard's newest before that."""
        self._notes.append((now, number))

    def forget(self) -> None:
        """Any of them may have to be asked for again."""
        self._notes.clear()
