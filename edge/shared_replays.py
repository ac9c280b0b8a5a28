"""Replays of which each piece is read once for all viewers of this edge, and made into frames once."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from edge.channels import OpenVideo
from edge.messages import Part
from edge.metrics import SHARED_PIECES
from edge.pieces import Piece, Pieces
from edge.preceding import count_preceding
from edge.replays import Replays
from wire.sampling import Sampler

READS_AT_ONCE: Final = 2  # of a shard, on this edge: one without a leader holds up no other; further ones wait in line
QUESTIONS_AT_ONCE: Final = 16  # for newest numbers, on this edge: none waits for those who read
SLACK: Final = 0.05  # by which a replay out of kept pieces may be deeper than allowed: what came since they were read


class SharedReplays:
    """Hands out replays, piece by piece."""

    def __init__(self, replays: Replays, make_sampler: Callable[[], Sampler | None], *, is_shared: bool) -> None:
        """`make_sampler` makes what chooses the comments that are shown; without `is_shared` each is read by itself."""
        self._replays = replays
        self._make_sampler = make_sampler
        self._is_shared = is_shared
        self._slots: defaultdict[int, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(READS_AT_ONCE))
        self._questions = asyncio.Semaphore(QUESTIONS_AT_ONCE)

    async def newest(self, shard: int, video: str) -> int:
        """Return a number above which nothing of a video was stored before now. Raises `StoreError`."""
        async with self._questions:
            return await self._replays.newest(shard, video)

    async def pieces(self, video: OpenVideo, after: int, upto: int, limit: int) -> AsyncGenerator[Piece, None]:
        """Yield a video's messages with `after` < number <= `upto`, as `Replays.parts` does. Raises `StoreError`."""
        number, left = after, limit
        counted: Sequence[int] | None = None
        slack = int(SLACK * limit) if self._is_shared else 0
        async with contextlib.aclosing(_Reading(self._replays, video, self._make_sampler())) as reading:
            begin = video.pieces.begin_of_newest(limit) if self._is_shared else None
            if begin is not None and number < min(begin, upto):
                number = min(begin, upto)
                yield Piece(after, number, (), (), (), missing=(after + 1, number), is_too_deep=True)
            while number < upto:
                piece = video.pieces.find(number, upto, left + slack)
                if piece is None:
                    # What others were read may have been a little more than is left to this one.
                    allowed = left if number == after else max(1, left + slack)
                    wanted = _Wanted(number, upto, number == after, allowed, left + slack, counted)
                    piece = await self._read(wanted, reading, video.pieces, self._slots[video.channel.shard])
                else:
                    SHARED_PIECES.inc()
                yield piece
                left -= len(piece.messages)
                number, counted = piece.upto, piece.counted

    async def _read(self, wanted: _Wanted, reading: _Reading, kept: Pieces, slots: asyncio.Semaphore) -> Piece:
        if not self._is_shared:
            async with slots:
                return await reading.next(wanted)
        async with kept.reading:  # one reads; the others find what it has read
            piece = kept.find(wanted.number, wanted.upto, wanted.most)
            if piece is not None:
                SHARED_PIECES.inc()
                return piece
            times_cleared = kept.times_cleared
            async with slots:
                piece = await reading.next(wanted)
            if kept.times_cleared == times_cleared:
                self._keep(piece, kept, wanted)
            return piece

    def _keep(self, piece: Piece, kept: Pieces, wanted: _Wanted) -> None:
        if piece.missing is None:
            kept.keep(piece)
        elif piece.is_too_deep:
            begin = piece.missing[1]
            if wanted.is_first:
                kept.found_too_deep(wanted.limit, begin)
            if piece.messages:
                kept.keep(piece.between(begin, piece.upto))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The next piece of a replay."""

    number: int  # after which it begins
    upto: int
    is_first: bool
    limit: int  # messages up to there, if it is read
    most: int  # … if somebody else was read it
    counted: Sequence[int] | None  # by a sampler, up to its beginning


class _Reading:
    """What is read for one viewer: one piece after the other, as long as nobody else has read the next one already."""

    def __init__(self, replays: Replays, video: OpenVideo, sampler: Sampler | None) -> None:
        self._replays = replays
        self._shard, self._video = video.channel.shard, video.channel.video
        self._sampler = sampler  # None: everything is shown
        self._parts: AsyncGenerator[Part, None] | None = None
        self._at = -1  # where its next part begins
        self._counted_to = -1  # the number up to which the sampler knows what it must

    async def next(self, wanted: _Wanted) -> Piece:
        """Return the next piece. Raises `StoreError`."""
        number = wanted.number
        if self._parts is None or self._at != number:
            await self.aclose()
            self._parts = self._replays.parts(self._shard, self._video, number, wanted.upto, wanted.limit)
        self._at = -1
        part = await anext(self._parts)
        if self._sampler is not None and wanted.counted is not None:
            self._sampler.go_on_from(wanted.counted)
            self._counted_to = number
        authors: list[str | None] = [None] * len(part.messages)
        if self._sampler is not None and part.messages:
            await self._count_preceding(self._sampler, number, part)
            authors = [one.hidden_author(self._sampler) for one in part.messages]
            self._counted_to = part.upto
        self._at = part.upto
        return Piece(
            number,
            part.upto,
            part.messages,
            [one.frame() for one in part.messages],
            authors,
            self._sampler.counted if self._sampler is not None and self._counted_to == part.upto else None,
            part.following,
            part.missing,
            part.is_too_deep,
        )

    async def aclose(self) -> None:
        """Read no more."""
        parts, self._parts = self._parts, None
        if parts is not None:
            await parts.aclose()

    async def _count_preceding(self, sampler: Sampler, number: int, part: Part) -> None:
        """Have the sampler know what came before, so that the sample is what was shown live."""
        if self._counted_to != number or part.missing is not None:
            first = part.messages[0]
            await count_preceding(sampler, self._replays, self._shard, self._video, first.number - 1, first.posted_ms)
