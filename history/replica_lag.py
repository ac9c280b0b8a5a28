"""How far what history reads is behind what archivers say is archived: the lag of a replica. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

MAX_ANNOUNCED: Final = 1_000  # of a shard; older ones than that are forgotten, and the lag then said to be less
APART_S: Final = 1.0  # announcements that come faster are not remembered one by one


class ReplicaLag:
    """Announcements of archivers, held against what was read."""

    def __init__(self) -> None:
        self._announced: dict[int, deque[tuple[float, int]]] = {}  # by shard: when, and up to which number

    def announced(self, shard: int, through: int, now: float) -> None:
        """Note that an archiver said that it has archived a shard up to a number."""
        said = self._announced.setdefault(shard, deque(maxlen=MAX_ANNOUNCED))
        if not said or (through > said[-1][1] and now - said[-1][0] >= APART_S):
            said.append((now, through))

    def behind_s(self, positions: Iterable[tuple[int, int]], now: float) -> float:
        """Return for how long the oldest announcement is true that cannot be read yet; 0 where all can."""
        oldest = now
        for shard, through in positions:
            said = self._announced.get(shard)
            while said and said[0][1] <= through:
                said.popleft()
            if said:
                oldest = min(oldest, said[0][0])
        return now - oldest
