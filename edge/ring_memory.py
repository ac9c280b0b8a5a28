"""What all rings of an edge hold together, bounded.

Where they would hold more, the ring that has taken in nothing for the longest time is emptied. Its viewers have been
written what was in it, and notice nothing. Only one whose socket was full is told what it missed (`skipped`), as if the
ring had moved on; and one who comes back to that video is replayed out of JetStream instead of memory.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, Protocol

MAX_BYTES: Final = 256 * 1024 * 1024  # frames of all videos of an edge


class Emptied(Protocol):
    """What can be emptied: a ring. It calls `forget` itself."""

    def clear(self) -> None:
        """Let go of everything."""


class RingMemory:
    """One for all rings of a process."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self.held_bytes = 0
        self._max_bytes = max_bytes
        self._rings: OrderedDict[Emptied, None] = OrderedDict()  # the one that took in something last is the last

    @property
    def is_over(self) -> bool:
        """Whether they hold more than they may: the last one alone does."""
        return self.held_bytes > self._max_bytes

    def took_in(self, ring: Emptied, size: int) -> None:
        """Note that a ring holds so many bytes more, and empty others if that is too much."""
        self.held_bytes += size
        self._rings[ring] = None
        self._rings.move_to_end(ring)
        while self.held_bytes > self._max_bytes and len(self._rings) > 1:
            next(iter(self._rings)).clear()

    def dropped(self, size: int) -> None:
        """Note that a ring holds so many bytes less."""
        self.held_bytes -= size

    def forget(self, ring: Emptied) -> None:
        """Note that a ring holds nothing any more."""
        self._rings.pop(ring, None)
