"""The newest comments of a video, in memory.

Entries are counted from 0 on as they come in; that count is a viewer's place in the ring (`index`), so that catching
up is a slice. `floor` is the number up to which the ring does not reach back: it holds everything of the video above.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

MAX_ENTRIES: Final = 2_000
MAX_BYTES: Final = 512 * 1024


class Ring:
    """The frames of a video's newest messages in order of their numbers, bounded in entries and in bytes."""

    __slots__ = ("_bytes", "_frames", "_numbers", "_start", "begin", "floor", "max_bytes", "max_entries")

    def __init__(self, floor: int, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES) -> None:
        self.floor = floor
        self.max_entries = max_entries
        self.max_bytes = max_bytes
        self.begin = 0  # index of the oldest entry held
        self._start = 0  # where that entry stands in the lists; what is before it is dropped now and then
        self._numbers: list[int] = []
        self._frames: list[bytes] = []
        self._bytes = 0

    @property
    def end(self) -> int:
        """Return the index that the next entry will have."""
        return self.begin + len(self._numbers) - self._start

    @property
    def newest(self) -> int:
        """Return the newest number, or the floor while nothing came in."""
        return self._numbers[-1] if len(self._numbers) > self._start else self.floor

    def append(self, number: int, frame: bytes) -> None:
        """Take in the next message. Its number must be above all before it."""
        self._numbers.append(number)
        self._frames.append(frame)
        self._bytes += len(frame)
        while self.end - self.begin > self.max_entries or (self._bytes > self.max_bytes and self.end - self.begin > 1):
            self._drop_oldest()

    def index_after(self, number: int) -> int:
        """Return the index of the first entry above `number`, which must not be below the floor."""
        return self.begin + bisect_right(self._numbers, number, lo=self._start) - self._start

    def number_before(self, index: int) -> int:
        """Return the number of the entry before `index`; the floor when that is no longer held."""
        place = index - self.begin + self._start - 1
        return self._numbers[place] if place >= self._start else self.floor

    @property
    def newest_is_shown(self) -> bool:
        """Whether the newest entry is an event, and not one of those that there is nothing to show of."""
        return len(self._frames) > self._start and bool(self._frames[-1])

    def last(self, count: int) -> list[bytes]:
        """Return the frames of up to `count` newest events, oldest first."""
        shown: list[bytes] = []
        for place in range(len(self._frames) - 1, self._start - 1, -1):
            if len(shown) == count:
                break
            if self._frames[place]:
                shown.append(self._frames[place])
        return shown[::-1]

    def frames(self, index: int, end: int) -> bytes:
        """Return the bytes of the entries from `index` up to, and without, `end`."""
        shift = self._start - self.begin
        if end - index == 1:
            return self._frames[index + shift]
        return b"".join(self._frames[index + shift : end + shift])

    def _drop_oldest(self) -> None:
        self.floor = self._numbers[self._start]
        self._bytes -= len(self._frames[self._start])
        self._frames[self._start] = b""
        self._start += 1
        self.begin += 1
        if self._start > self.max_entries:
            del self._numbers[: self._start]
            del self._frames[: self._start]
            self._start = 0
