"""Pieces of replays of one video, kept for a moment: what one viewer was read, others who come back are written too.

When an edge or a network fails, thousands come back to the same few videos, from about the same place. What each piece
holds is the same for all of them: it is read once, encoded once, and each begins in it where it stopped. Pieces are let
go soon, with their video, and when something is removed from it; of those that somebody is still being written what was
removed is left out from then on (`joining.py`).
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final

from edge.messages import Message
from edge.ring_memory import RingMemory
from edge.viewer import HIGH_WATER_BYTES

KEPT_S: Final = 30.0  # after it was read; far less than removals are remembered (`wire/video_state.py`)
MESSAGE_BYTES: Final = 400  # that a message takes beside its payload and its frame

_number = attrgetter("number")


@dataclass(frozen=True, slots=True)
class Chunk:
    """What is written to a viewer at once: `count` comments, up to the number `reached`."""

    count: int
    reached: int
    data: bytes


def in_chunks(shown: Iterable[tuple[int, bytes]]) -> Iterator[Chunk]:
    """Yield numbers and frames as chunks, each as long as a viewer's socket is given at once."""
    frames: list[bytes] = []
    size = reached = 0
    for reached, frame in shown:
        frames.append(frame)
        size += len(frame)
        if size >= HIGH_WATER_BYTES:
            yield Chunk(len(frames), reached, b"".join(frames))
            frames, size = [], 0
    if frames:
        yield Chunk(len(frames), reached, b"".join(frames))


@dataclass(slots=True, eq=False)
class Piece:
    """All that there is of a video with `after` < number <= `upto`, but for the range `missing`, at its beginning.

    `frames` are the messages as viewers get them, empty where there is nothing to show; `authors` those of the messages
    that were left out of the sample, else None.
    """

    after: int
    upto: int
    messages: Sequence[Message]
    frames: Sequence[bytes]
    authors: Sequence[str | None]
    counted: Sequence[int] | None = None  # what a sampler has counted after the last of them
    following: int | None = None  # messages that came after it up to the end it was read for; None: that is not known
    missing: tuple[int, int] | None = None
    is_too_deep: bool = False  # that is why
    hidden_authors: set[str] = field(init=False)
    chunks: Sequence[Chunk] = ()  # for all who care for none of those; made for the first of them
    chunks_version: int | None = None  # of what was known to be removed then

    def __post_init__(self) -> None:
        self.hidden_authors = {author for author in self.authors if author is not None}

    @property
    def size(self) -> int:
        """Return about how many bytes it takes, with its chunks."""
        return 2 * sum(map(len, self.frames)) + sum(len(one.payload) + MESSAGE_BYTES for one in self.messages)

    def between(self, after: int, upto: int) -> Piece:
        """Return the part of it that lies between two numbers, of which the first is not below its own."""
        if after == self.after and upto >= self.upto and self.missing is None:
            return self
        first = bisect_right(self.messages, after, key=_number)
        end = bisect_right(self.messages, upto, key=_number)
        whole = upto >= self.upto
        return Piece(
            after,
            min(upto, self.upto),
            self.messages[first:end],
            self.frames[first:end],
            self.authors[first:end],
            self.counted if whole else None,
            self.following if whole else None,
        )


@dataclass(slots=True, eq=False)
class Pieces:
    """What is kept of one video. `reading` is held by the one viewer for whom more is being read."""

    memory: RingMemory = field(default_factory=RingMemory)
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    times_cleared: int = 0
    _too_deep: tuple[int, int, float] | None = None  # see `begin_of_newest`; and until when that is good
    _kept: list[Piece] = field(default_factory=list)  # in the order of their ends
    _timers: dict[int, asyncio.TimerHandle] = field(default_factory=dict)  # by a piece's end, as they were read

    def find(self, number: int, upto: int, most: int) -> Piece | None:
        """Return what is kept of the part between two numbers, from its beginning on; None where that is nothing.

        Nothing, too, where more than `most` messages may come from there on: then it is another beginning that counts.
        """
        place = bisect_right(self._kept, number, key=attrgetter("upto"))
        if place == len(self._kept) or self._kept[place].after > number:
            return None
        found = self._kept[place].between(number, upto)
        following = self._kept[place].following
        return found if following is not None and len(found.messages) + following <= most else None

    def keep(self, piece: Piece) -> None:
        """Keep a piece that was read just now, from its beginning on without a hole."""
        place = bisect_right(self._kept, piece.upto, key=attrgetter("upto"))
        if place and self._kept[place - 1].upto == piece.upto:
            return  # there is one that ends there, with more in it or less
        self._kept.insert(place, piece)
        self._timers[piece.upto] = asyncio.get_running_loop().call_later(KEPT_S, self._drop, piece)
        self.memory.took_in(self, piece.size)  # which may empty other videos
        while self.memory.is_over and self._kept:
            self._drop(self._oldest)

    def begin_of_newest(self, limit: int) -> int | None:
        """Return the number after which the newest `limit` messages begin, where somebody was found to be too deep."""
        known = self._too_deep
        if known is None or known[0] != limit or asyncio.get_running_loop().time() > known[2]:
            return None
        return known[1]

    def found_too_deep(self, limit: int, begin: int) -> None:
        """Remember where the newest `limit` messages begin."""
        self._too_deep = (limit, begin, asyncio.get_running_loop().time() + KEPT_S)

    @property
    def _oldest(self) -> Piece:
        end = next(iter(self._timers))
        return self._kept[bisect_right(self._kept, end, key=attrgetter("upto")) - 1]

    def clear(self) -> None:
        """Let go of everything."""
        self.times_cleared += 1
        self._too_deep = None
        for piece in list(self._kept):
            self._drop(piece)

    def _drop(self, piece: Piece) -> None:
        self._kept.remove(piece)
        self._timers.pop(piece.upto).cancel()
        self.memory.dropped(piece.size)
        if not self._kept:
            self.memory.forget(self)
