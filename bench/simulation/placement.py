"""Which edge a viewer is sent to: a consistent hash of its video, with bounded loads (Mirrokni and others, 2016).

As HAProxy does it (`hash-balance-factor`): a viewer goes to the first edge after its video's place on the ring that has
less than `factor` times the mean load. Viewers of one video stay together, on as few edges as the bound lets them.
"""

from __future__ import annotations

import bisect
import math
from hashlib import blake2b
from typing import Final

POINTS: Final = 16  # of each edge on the ring, as HAProxy has it for a server of weight 1
FACTOR: Final = 1.5  # of the gateway's configuration, for edges


class Ring:
    """Edges on a ring. `load` is how many viewers each has."""

    def __init__(self, edges: int, most: int, factor: float = FACTOR) -> None:
        self.load = [0] * edges
        self.alive = [True] * edges
        self._factor = factor
        self._total = 0
        self._there = edges
        self._most = most  # streams that an edge takes
        points = sorted((_hash(f"edge-{edge}-{point}"), edge) for edge in range(edges) for point in range(POINTS))
        self._places = [place for place, _ in points]
        self._edges = [edge for _, edge in points]

    def place(self, video: int, viewers: int) -> list[tuple[int, int]]:
        """Place viewers of a video. Return the edges they went to, and how many; less than all where all are full."""
        placed: list[tuple[int, int]] = []
        bound = self._bound(viewers)
        start = bisect.bisect(self._places, _hash(f"video-{video}"))
        seen: set[int] = set()
        for step in range(len(self._edges)):
            if not viewers:
                break
            edge = self._edges[(start + step) % len(self._edges)]
            if edge in seen or not self.alive[edge]:
                continue
            seen.add(edge)
            some = min(viewers, max(0, bound - self.load[edge]))
            if some:
                self.load[edge] += some
                self._total += some
                placed.append((edge, some))
                viewers -= some
        return placed

    def fail(self, edge: int) -> int:
        """Take an edge off the ring. Return how many viewers it had."""
        lost, self.load[edge], self.alive[edge] = self.load[edge], 0, False
        self._total -= lost
        self._there -= 1
        return lost

    def _bound(self, more: int) -> int:
        return min(self._most, math.ceil(self._factor * (self._total + more) / max(1, self._there)))


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
