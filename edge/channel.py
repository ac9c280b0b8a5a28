"""One video on this edge: its ring, its viewers, and the writing to all of them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from edge.metrics import (
    FLUSHED_COMMENTS,
    FLUSHES,
    SKIPPED,
    STORED_TO_WRITTEN,
    WRITES,
    WRITTEN_BYTES,
)
from edge.pacer import Pacer
from edge.ring import Ring
from edge.viewer import Viewer
from runtime.metrics import DELIVERED
from wire import sse

SLICE: Final = 256  # viewers written to before the event loop is given back


@dataclass(slots=True)
class _Round:
    """One round of writing to all viewers: the ring's entries from `start` to `end`, as one shared piece of bytes."""

    viewers: list[Viewer]
    start: int
    end: int
    data: bytes
    place: int = 0  # in `viewers`: how far it got
    cost_s: float = 0.0


class Channel:
    """A video with viewers here. Everything happens on the event loop; nothing here waits."""

    def __init__(self, shard: int, video: str, pacer: Pacer) -> None:
        self.shard = shard
        self.video = video
        self.ring = Ring(floor=0)
        self.viewers: dict[Viewer, None] = {}
        self._pacer = pacer
        self._loop = asyncio.get_running_loop()
        self.last_write = self._loop.time()
        self._round: asyncio.Handle | None = None  # scheduled or under way
        self._rest_until = 0.0
        self._written = 0  # index up to which the last round wrote
        self._written_number = 0  # and the number there
        self._oldest_unwritten_ms = 0

    def begin(self, floor: int) -> None:
        """Say above which number the ring holds everything; before the first message."""
        self.ring.floor = floor
        self._written_number = floor

    def append(self, number: int, frame: bytes, posted_ms: int) -> None:
        """Take in the next message, and write it to the viewers as soon as the pacer lets it."""
        if self._written == self.ring.end:
            self._oldest_unwritten_ms = posted_ms
        self.ring.append(number, frame)
        if not self.viewers:
            self._written, self._written_number = self.ring.end, number
        elif self._round is None:
            # Never in the same turn of the loop: whatever else has arrived in it shares the write.
            if self._loop.time() >= self._rest_until:
                self._round = self._loop.call_soon(self._start_round)
            else:
                self._round = self._loop.call_at(self._rest_until, self._start_round)

    def join(self, viewer: Viewer, index: int) -> None:
        """Add a viewer that has been given everything before `index`."""
        viewer.channel = self
        viewer.index = index
        self.viewers[viewer] = None
        self.catch_up(viewer)

    def leave(self, viewer: Viewer) -> None:
        """Remove a viewer."""
        self.viewers.pop(viewer, None)

    def heartbeat(self) -> None:
        """Write a comment line to every viewer, so that nobody on the way takes a quiet stream for a dead one."""
        if self._round is None:
            end = self.ring.end
            self._write_slice(_Round(list(self.viewers), end, end, sse.HEARTBEAT))

    def catch_up(self, viewer: Viewer) -> None:
        """Write to a viewer what the ring holds for it, and tell it what the ring no longer holds."""
        if viewer.index < 0 or viewer.paused_since is not None:
            return
        ring = self.ring
        if viewer.index < ring.begin:
            missed = ring.begin - viewer.index
            reached = viewer.reached or self._written_number
            SKIPPED.inc(missed)
            told = {"from": str(reached + 1), "to": str(ring.floor), "count": missed}
            viewer.index = ring.begin
            viewer.send(sse.named_event("skipped", told, ring.floor))
        viewer.reached = 0
        index, end = viewer.index, ring.end
        if index < end:
            viewer.index = end
            self._write(viewer, ring.frames(index, end), end - index)

    def _start_round(self) -> None:
        ring = self.ring
        start, end = self._written, ring.end
        data = ring.frames(start, end) if start >= ring.begin else b""
        FLUSHES.inc()
        FLUSHED_COMMENTS.inc(end - start)
        if self._oldest_unwritten_ms:
            STORED_TO_WRITTEN.observe(max(0.0, time.time() - self._oldest_unwritten_ms / 1000))
        self._write_slice(_Round(list(self.viewers), start, end, data))

    def _write_slice(self, writing: _Round) -> None:
        """Write to the next slice of viewers, and leave the rest to a later turn of the loop."""
        began_s = time.perf_counter()
        start, end, data = writing.start, writing.end, writing.data
        whole = bool(data) or start >= self.ring.begin
        written = 0
        for viewer in writing.viewers[writing.place : writing.place + SLICE]:
            if viewer.paused_since is not None:
                continue
            if viewer.index == start and whole:
                viewer.index = end
                if data:
                    viewer.send(data)
                    written += 1
            elif 0 <= viewer.index < end:
                # It fell behind, or there was more than the ring can hold: what it lacks is its own.
                self.catch_up(viewer)
        if written:
            DELIVERED.inc((end - start) * written)
            WRITES.inc(written)
            WRITTEN_BYTES.inc(len(data) * written)
        writing.place += SLICE
        writing.cost_s += time.perf_counter() - began_s
        if writing.place < len(writing.viewers):
            self._round = self._loop.call_soon(self._write_slice, writing)
        else:
            self._end_round(writing)

    def _end_round(self, writing: _Round) -> None:
        now = self._loop.time()
        self.last_write = now
        self._written = writing.end
        self._written_number = self.ring.number_before(writing.end)
        self._rest_until = now + self._pacer.wrote(now, writing.cost_s)
        self._round = None
        if self.ring.end > writing.end:
            self._round = self._loop.call_at(self._rest_until, self._start_round)

    def _write(self, viewer: Viewer, data: bytes, comments: int) -> None:
        if data:
            viewer.send(data)
            DELIVERED.inc(comments)
            WRITES.inc()
            WRITTEN_BYTES.inc(len(data))
