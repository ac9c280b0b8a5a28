"""One video on this edge: its ring, its viewers, and the writing to all of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from edge.cared_for import CaredFor, marks_of
from edge.left_out import LeftOut
from edge.metrics import (
    FLUSHED_COMMENTS,
    FLUSHES,
    SKIPPED,
    STORED_TO_WRITTEN,
    WRITES,
    WRITTEN_BYTES,
)
from edge.pacer import Pacer
from edge.packing import packed
from edge.ring import Ring
from edge.ring_memory import RingMemory
from edge.traced import Traced
from edge.viewer import Viewer
from runtime.logs import get_logger
from runtime.metrics import DELIVERED
from runtime.tokens import Identity
from wire import sse

SLICE: Final = 256  # viewers written to before the event loop is given back
PIECE_BYTES: Final = 64 * 1024  # of what one viewer lacks, written before its socket is looked at again

_log = get_logger("edge")


@dataclass(slots=True)
class _Piece:
    """What viewers are written that have everything before one and the same index: bytes that they share."""

    end: int  # index up to which it goes
    reached: int  # the number there
    data: bytes
    comments: int  # in `data`
    hidden_authors: set[str]  # of what was left out: who cares for one of them gets more than that
    written: int = 0  # to how many, and not yet counted
    packed: bytes = b""  # `data` for those who take it so; made for the first of them
    written_packed: int = 0


@dataclass(slots=True)
class _Round:
    """One round of writing to all viewers, slice by slice.

    Each slice is written everything there is when its turn comes: a comment that comes in during a round reaches the
    rest of the viewers in that same round, and those before them in the next one. So no comment waits for longer than
    a round and a rest take.
    """

    viewers: list[Viewer]
    start: int  # index up to which the round before it wrote; viewers with less are behind
    first_end: int  # and this one, at least
    notices: bytes
    oldest_ms: int  # when the first comment that it writes was stored; 0 where it writes none
    place: int = 0  # in `viewers`: how far it got
    cost_s: float = 0.0
    end: int = -1  # of the newest of `pieces`
    removals: int = 0  # of the ring when they were made
    pieces: dict[int, _Piece] = field(default_factory=dict)  # by the index that they begin at


class Channel:
    """A video with viewers here. Everything happens on the event loop; nothing here waits."""

    def __init__(self, shard: int, video: str, pacer: Pacer, memory: RingMemory | None = None) -> None:
        self.shard = shard
        self.video = video
        self.ring = Ring(floor=0, memory=memory)
        self.viewers: dict[Viewer, None] = {}  # those on their way to live among them: their `index` is -1
        self._pacer = pacer
        self._loop = asyncio.get_running_loop()
        self.last_write = self._loop.time()
        self._round: asyncio.Handle | None = None  # scheduled or under way
        self._rest_until = 0.0
        self._written = 0  # index up to which the last round wrote to everybody, or the present one does
        self._oldest_unwritten_ms = 0
        self._notices = b""  # for the next round
        self._all_written: asyncio.Event = asyncio.Event()  # set whenever a round leaves nothing to write
        self._shown = self._hidden = 0  # comments since the viewers were last told
        self.cared_for: CaredFor | None = None  # kept while it may take in the sample alone (see `sampled_intake.py`)
        self._left_out: LeftOut | None = None  # what the ring does not hold, if anything ever was
        self.traced = Traced()

    def begin(self, floor: int) -> None:
        """Say above which number the ring holds everything; before the first message."""
        self.ring.floor = floor

    def append(self, number: int, frame: bytes, posted_ms: int, hidden_author: str | None = None) -> None:
        """Take in the next message, and write it to the viewers as soon as the pacer lets it.

        With `hidden_author` it was left out of the sample: it goes to those who care for its author.
        """
        if self._written == self.ring.end:
            self._oldest_unwritten_ms = posted_ms
        self.ring.append(number, frame, hidden_author)
        if hidden_author is not None:
            self._hidden += 1
        elif frame:
            self._shown += 1
        if not self.viewers:
            self._written = self.ring.end
        else:
            self._write_soon()

    def leave_out(self, entries: Sequence[tuple[int, int]]) -> None:
        """Note comments (number, author's mark) that are not in the sample, and that nobody here sees all the same."""
        self._hidden += len(entries)
        if self._left_out is None:
            self._left_out = LeftOut()
        self._left_out.add(entries, self.ring.floor)

    def lacks_of(self, identity: Identity | None, number: int) -> bool:
        """Whether the ring lacks, or may lack, a comment above a number that somebody sees, sample or not."""
        return (
            self._left_out is not None and identity is not None and self._left_out.concerns(marks_of(identity), number)
        )

    def is_whole_after(self, number: int) -> bool:
        """Whether the ring holds everything above a number, and not a sample of it."""
        return number >= self.ring.floor and (self._left_out is None or not self._left_out.any_after(number))

    def was_left_out(self, number: int) -> bool:
        """Whether a number is known to be a comment that the ring does not hold, as the sample alone was taken in."""
        return self._left_out is not None and self._left_out.has(number)

    def may_lack(self, number: int) -> bool:
        """Whether the ring need not hold a number: it does not reach back so far, or took in the sample alone."""
        left_out = self._left_out
        return number <= self.ring.floor or (
            left_out is not None and (number <= left_out.floor or left_out.has(number))
        )

    def tell(self, notice: bytes) -> None:
        """Write something to all viewers that has no place in the order: the slow ones do without it."""
        self._notices += notice
        self._write_soon()

    def tell_sampled(self) -> bool:
        """Tell the viewers how many comments they were shown since this was last called, if that is not all.

        Returns whether they were told.
        """
        is_told = self._hidden > 0
        if is_told:
            self.tell(sse.named_event("sampled", {"shown": self._shown, "of": self._shown + self._hidden}))
        self._shown = self._hidden = 0
        return is_told

    def expect(self, viewer: Viewer) -> None:
        """Add a viewer that has not joined yet. What it sees, sample or not, is taken in from now on."""
        if viewer.channel is None:
            viewer.channel = self
            self.viewers[viewer] = None
            if self.cared_for is not None:
                self.cared_for.add(viewer.identity)

    def join(self, viewer: Viewer, index: int) -> None:
        """Write to a viewer from now on that has been given everything before `index`."""
        self.expect(viewer)
        viewer.index, viewer.reached = index, self.ring.number_before(index)
        self.catch_up(viewer)

    def care(self) -> None:
        """Begin to keep count of whom the viewers care for."""
        self.cared_for = CaredFor(viewer.identity for viewer in self.viewers)

    def leave(self, viewer: Viewer) -> None:
        """Remove a viewer."""
        if viewer in self.viewers:
            del self.viewers[viewer]
            if self.cared_for is not None:
                self.cared_for.remove(viewer.identity)

    async def written(self) -> None:
        """Wait until all that has come in has been written to the viewers that take it."""
        if self._round is not None:
            self._all_written.clear()
            await self._all_written.wait()

    def catch_up(self, viewer: Viewer) -> None:
        """Write to a viewer what the ring holds for it, and tell it what the ring no longer holds."""
        self._catch_up(viewer, self.ring.end)

    def _catch_up(self, viewer: Viewer, end: int) -> None:
        if viewer.index < 0 or viewer.paused_since is not None:
            return
        ring = self.ring
        if viewer.index < ring.begin:
            missed = ring.begin - viewer.index
            SKIPPED.inc(missed)
            told = {"from": str(viewer.reached + 1), "to": str(ring.floor), "count": missed}
            viewer.index, viewer.reached = ring.begin, ring.floor
            viewer.send(sse.named_event("skipped", told, ring.floor))
        while viewer.index < end and viewer.paused_since is None:
            self._write_own(viewer, end)

    def _write_soon(self) -> None:
        """Begin a round as soon as the last one is over and the channel has rested."""
        if self._round is None:
            # Never in the same turn of the loop: whatever else arrives in it shares the write.
            if self._loop.time() >= self._rest_until:
                self._round = self._loop.call_soon(self._start_round)
            else:
                self._round = self._loop.call_at(self._rest_until, self._start_round)

    def _start_round(self) -> None:
        start, end = self._written, self.ring.end
        notices, self._notices = self._notices, b""
        if end > start:
            FLUSHES.inc()
            FLUSHED_COMMENTS.inc(end - start)
        self._written = end
        self._write_slice(
            _Round(
                list(self.viewers),
                start,
                end,
                notices,
                oldest_ms=self._oldest_unwritten_ms,
                removals=self.ring.removals,
            )
        )

    def _write_slice(self, writing: _Round) -> None:
        """Write to the next slice of viewers, and leave the rest to a later turn of the loop."""
        began_s = time.perf_counter()
        ring = self.ring
        end = ring.end
        if writing.removals != ring.removals:
            # What was removed since the slice before is not written once more.
            writing.pieces, writing.removals = {}, ring.removals
        if writing.end != end:
            # What the ring no longer holds stays as it is, for those who wait for their turn.
            writing.pieces = {index: piece for index, piece in writing.pieces.items() if index < ring.begin}
            writing.end = end
        self._write_to(writing.viewers[writing.place : writing.place + SLICE], writing, max(writing.start, ring.begin))
        for piece in writing.pieces.values():
            if times := piece.written + piece.written_packed:
                DELIVERED.inc(piece.comments * times)
                WRITES.inc(times)
                WRITTEN_BYTES.inc(len(piece.data) * piece.written + len(piece.packed) * piece.written_packed)
                piece.written = piece.written_packed = 0
        if self.traced:
            self.traced.slice_written(end)
        writing.place += SLICE
        writing.cost_s += time.perf_counter() - began_s
        if writing.place < len(writing.viewers):
            self._round = self._loop.call_soon(self._write_slice, writing)
        else:
            self._end_round(writing)

    def _write_to(self, viewers: Sequence[Viewer], writing: _Round, oldest: int) -> None:
        """Write to each viewer what it lacks: those who have everything before `oldest` share their pieces."""
        pieces, end = writing.pieces, writing.end
        for viewer in viewers:
            index = viewer.index
            if viewer.paused_since is not None or index < 0:
                continue
            piece = pieces.get(index)
            if piece is None and index >= oldest:
                piece = pieces[index] = self._piece(index, end, writing.notices)
            try:
                if piece is None or (piece.hidden_authors and viewer.cares_for_any(piece.hidden_authors)):
                    # It fell behind, or what it gets is its own, or there was more than the ring can hold.
                    self._catch_up(viewer, end)
                    if piece is not None and writing.notices and viewer.paused_since is None:
                        viewer.send(writing.notices)
                    continue
                viewer.index, viewer.reached = piece.end, piece.reached
                if not piece.data:
                    continue
                if viewer.takes_packed:
                    piece.packed = piece.packed or packed(piece.data)
                    viewer.send_packed(piece.packed)
                    piece.written_packed += 1
                else:
                    viewer.send(piece.data)
                    piece.written += 1
            except Exception:  # noqa: BLE001  whatever it is, it is this viewer's alone: all others wait for theirs
                _log.exception("a viewer cannot be written to", video=self.video)
                viewer.abort()

    def _piece(self, start: int, end: int, notices: bytes) -> _Piece:
        ring = self.ring
        data = ring.frames(start, end) + notices
        return _Piece(end, ring.number_before(end), data, ring.shown(start, end), ring.hidden_authors(start, end))

    def _end_round(self, writing: _Round) -> None:
        now = self._loop.time()
        self.last_write = now
        if writing.first_end > writing.start and writing.oldest_ms:
            STORED_TO_WRITTEN.observe(max(0.0, time.time() - writing.oldest_ms / 1000))
        self._rest_until = now + self._pacer.wrote(now, writing.cost_s)
        self._round = None
        if self.traced:
            self.traced.round_written(writing.first_end, len(writing.viewers))
        if self.ring.end > writing.first_end or self._notices:
            self._write_soon()
        else:
            self._all_written.set()

    def _write_own(self, viewer: Viewer, end: int) -> None:
        """Write a piece of what comes before `end` to one viewer, with what only it cares for."""
        start = viewer.index
        end = self.ring.end_within(start, end, PIECE_BYTES)
        viewer.index, viewer.reached = end, self.ring.number_before(end)
        frames = [frame for _, frame in self.ring.frames_for(start, end, viewer.cares_for)]
        if frames:
            data = b"".join(frames)
            viewer.send(data)
            DELIVERED.inc(len(frames))
            WRITES.inc()
            WRITTEN_BYTES.inc(len(data))
