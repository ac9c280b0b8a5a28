"""The newest comments of a video, in memory.

Entries are counted from 0 on as they come in; that count is a viewer's place in the ring (`index`), so that catching
up is a slice. `floor` is the number up to which the ring does not reach back: it holds everything of the video above.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import Final

from edge.ring_memory import RingMemory
from wire.comment import event_author

MAX_ENTRIES: Final = 2_000
MAX_BYTES: Final = 512 * 1024


class Ring:
    """The frames of a video's newest messages in order of their numbers, bounded in entries and in bytes."""

    __slots__ = (
        "_authors",
        "_bytes",
        "_frames",
        "_memory",
        "_numbers",
        "_shared",
        "_start",
        "begin",
        "floor",
        "max_bytes",
        "max_entries",
        "removals",
    )

    def __init__(
        self,
        floor: int,
        max_entries: int = MAX_ENTRIES,
        max_bytes: int = MAX_BYTES,
        memory: RingMemory | None = None,
    ) -> None:
        self.floor = floor
        self.max_entries = max_entries
        self.max_bytes = max_bytes
        self.begin = 0  # index of the oldest entry held
        self.removals = 0  # entries emptied so far
        self._start = 0  # where that entry stands in the lists; what is before it is dropped now and then
        self._numbers: list[int] = []
        self._frames: list[bytes] = []
        self._shared: list[bytes] = []  # the frame; empty where only those see it who care for its author
        self._authors: list[str | None] = []  # of those
        self._bytes = 0
        self._memory = memory or RingMemory()  # of all rings together

    @property
    def end(self) -> int:
        """Return the index that the next entry will have."""
        return self.begin + len(self._numbers) - self._start

    @property
    def newest(self) -> int:
        """Return the newest number, or the floor while nothing came in."""
        return self._numbers[-1] if len(self._numbers) > self._start else self.floor

    def append(self, number: int, frame: bytes, hidden_author: str | None = None) -> None:
        """Take in the next message. Its number must be above all before it.

        With `hidden_author` it was left out of the sample: only those see it who care for its author.
        """
        self._numbers.append(number)
        self._frames.append(frame)
        self._shared.append(frame if hidden_author is None else b"")
        self._authors.append(hidden_author)
        self._bytes += len(frame)
        self._memory.took_in(self, len(frame))
        while self.end - self.begin > self.max_entries or (self._bytes > self.max_bytes and self.end - self.begin > 1):
            self._drop_oldest()

    def clear(self) -> None:
        """Let go of everything: the floor is the newest number then."""
        while self.begin < self.end:
            self._drop_oldest()
        self._memory.forget(self)

    def remove(self, number: int) -> None:
        """Forget what a number stands for; its place stays."""
        place = bisect_right(self._numbers, number, lo=self._start) - 1
        if place >= self._start and self._numbers[place] == number:
            self._empty(place)

    def remove_of(self, user_id: str, below: int) -> None:
        """Forget all comments of a user with a number below one."""
        for place in range(self._start, len(self._frames)):
            if self._numbers[place] >= below:
                break
            frame = self._frames[place]
            if frame and event_author(frame) == user_id:
                self._empty(place)

    def _empty(self, place: int) -> None:
        self._bytes -= len(self._frames[place])
        self._memory.dropped(len(self._frames[place]))
        self._frames[place] = self._shared[place] = b""
        self._authors[place] = None
        self.removals += 1

    def index_after(self, number: int) -> int:
        """Return the index of the first entry above `number`, which must not be below the floor."""
        return self.begin + bisect_right(self._numbers, number, lo=self._start) - self._start

    def frame_of(self, number: int) -> bytes | None:
        """Return the frame of a number, None for one that is not held."""
        place = bisect_right(self._numbers, number, lo=self._start) - 1
        return self._frames[place] if place >= self._start and self._numbers[place] == number else None

    def number_before(self, index: int) -> int:
        """Return the number of the entry before `index`; the floor when that is no longer held."""
        place = index - self.begin + self._start - 1
        return self._numbers[place] if place >= self._start else self.floor

    def size_after(self, number: int) -> int:
        """Return how many bytes the ring holds above `number`, which must not be below the floor."""
        if number >= self.newest:
            return 0
        return sum(map(len, self._frames[bisect_right(self._numbers, number, lo=self._start) :]))

    def end_within(self, index: int, end: int, max_bytes: int) -> int:
        """Return up to where, at most `end`, the entries from `index` on fit into `max_bytes`; one always does."""
        shift = self._start - self.begin
        size = len(self._frames[index + shift])
        reached = index + 1
        while reached < end and size + len(self._frames[reached + shift]) <= max_bytes:
            size += len(self._frames[reached + shift])
            reached += 1
        return reached

    def last(self, count: int, is_wanted: Callable[[bytes], bool] = bool) -> list[bytes]:
        """Return the frames of up to `count` newest events that are wanted, oldest first."""
        shown: list[bytes] = []
        for place in range(len(self._frames) - 1, self._start - 1, -1):
            if len(shown) == count:
                break
            if is_wanted(self._frames[place]):
                shown.append(self._frames[place])
        return shown[::-1]

    def frames(self, index: int, end: int) -> bytes:
        """Return the bytes that everybody gets of the entries from `index` up to, and without, `end`."""
        shift = self._start - self.begin
        if end - index == 1:
            return self._shared[index + shift]
        return b"".join(self._shared[index + shift : end + shift])

    def frames_for(self, index: int, end: int, cares_for: Callable[[str], bool]) -> list[tuple[int, bytes]]:
        """Return the same entries, number and frame, as somebody gets them who cares for some authors."""
        shift = self._start - self.begin
        shown: list[tuple[int, bytes]] = []
        for place in range(index + shift, end + shift):
            author, frame = self._authors[place], self._frames[place]
            if frame and (author is None or cares_for(author)):
                shown.append((self._numbers[place], frame))
        return shown

    def hidden_authors(self, index: int, end: int) -> set[str]:
        """Return the authors of those of the same entries that were left out of the sample."""
        shift = self._start - self.begin
        return {author for author in self._authors[index + shift : end + shift] if author is not None}

    def shown(self, index: int, end: int) -> int:
        """Return how many of the same entries everybody gets."""
        shift = self._start - self.begin
        return end - index - self._shared[index + shift : end + shift].count(b"")

    def _drop_oldest(self) -> None:
        self.floor = self._numbers[self._start]
        self._bytes -= len(self._frames[self._start])
        self._memory.dropped(len(self._frames[self._start]))
        self._frames[self._start] = self._shared[self._start] = b""
        self._start += 1
        self.begin += 1
        if self._start > self.max_entries:
            del self._numbers[: self._start]
            del self._frames[: self._start]
            del self._shared[: self._start]
            del self._authors[: self._start]
            self._start = 0
