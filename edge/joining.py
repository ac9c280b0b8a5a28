"""From a position to live: the replay that goes before.

A viewer's stream is: `retry`, the replay, `sync`, and then live comments. The step from the replay to live is taken in
one go on the event loop, when the ring reaches back to where the replay ended: nothing can come in between.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from edge.channel import PIECE_BYTES
from edge.channels import OpenVideo
from edge.metrics import INCOMPLETE, REPLAYED, REPLAYS
from edge.moderation import Moderation
from edge.pieces import Chunk, Piece, in_chunks
from edge.places import Place, Places
from edge.shared_replays import SharedReplays
from edge.viewer import Viewer
from runtime.jetstream import StoreError
from wire import sse
from wire.number import MAX_NUMBER, parse_position

RETRY_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Position:
    """Where a viewer says that it stopped. `number` is None for none, and for one that means nothing."""

    number: int | None
    given: bool

    @classmethod
    def of(cls, header: str | None, query: str | None) -> Position:
        """Return the position out of `Last-Event-ID`, which wins, or `?lastEventId=`."""
        text = header or query
        return cls(parse_position(text), given=True) if text else cls(None, given=False)


@dataclass(slots=True)
class _Replay:
    """How a viewer's replay went so far."""

    resumed: bool
    complete: bool = True
    replayed: int = 0
    last_sent: int | None = None  # the last number that the viewer has had as an event's id
    first_missing: int | None = None
    last_missing: int | None = None

    def misses(self, first: int, last: int) -> None:
        """Note a range (both inclusive) that cannot be had."""
        self.complete = False
        self.first_missing = first if self.first_missing is None else min(first, self.first_missing)
        self.last_missing = last if self.last_missing is None else max(last, self.last_missing)

    def note(self, entries: Sequence[tuple[int, bytes]]) -> None:
        """Count what the viewer is sent out of memory: numbers and frames."""
        if entries:
            self.replayed += len(entries)
            self.last_sent = entries[-1][0]

    def told(self) -> dict[str, Any]:
        """Return the data of the `sync` event."""
        told: dict[str, Any] = {"resumed": self.resumed, "replayed": self.replayed, "complete": self.complete}
        if self.first_missing is not None:
            told["from"] = str(self.first_missing)
        if self.last_missing is not None:
            told["to"] = str(self.last_missing)
        return told


class Joining:
    """Brings viewers from their positions to live."""

    def __init__(self, replays: SharedReplays, moderation: Moderation, depth: int) -> None:
        self._replays = replays
        self._moderation = moderation
        self._depth = depth or MAX_NUMBER
        self._places = Places()

    def join_now(self, viewer: Viewer, video: OpenVideo, position: Position) -> bool:
        """Join a viewer at once, when memory holds all that it needs. Returns whether it did."""
        feed = video.feed
        if not feed.is_open:
            return False
        if position.number is None:
            # No position: nothing is replayed. One that means nothing: the viewer is told that something is missing.
            _finish(viewer, video, None, _Replay(resumed=False, complete=not position.given))
            return True
        ring = video.channel.ring
        ring_has_it = ring.floor <= position.number <= feed.newest and ring.size_after(position.number) <= PIECE_BYTES
        if ring_has_it and not video.channel.lacks_of(viewer.identity, position.number):
            _finish(viewer, video, position.number, _Replay(resumed=True))
            return True
        return False

    async def join(self, viewer: Viewer, video: OpenVideo, position: Position) -> None:
        """Join a viewer, as soon as that can be done."""
        video.channel.expect(viewer)  # or, where busy authors are among those it follows, it would never get there
        await video.feed.opened()
        replay = _Replay(resumed=True)
        number = position.number
        if number is not None and number > video.feed.newest:
            number = await self._check_position(video, number)
        with self._places.one() as place:
            while number is not None and not viewer.is_leaving:
                if not video.feed.is_open:
                    await place.patiently(video.feed.opened())
                ring = video.channel.ring
                ring_has_it = number >= ring.floor and not video.channel.lacks_of(viewer.identity, number)
                if ring_has_it and ring.size_after(number) <= PIECE_BYTES:
                    _finish(viewer, video, number, replay)
                    return
                if not place.is_held:
                    await place.take()  # meanwhile the video may have gone on
                elif ring_has_it:
                    number = await self._send_held(viewer, video, number, replay, place)
                else:
                    number = await self._replay(viewer, video, number, replay, place)
        if number is None:
            _finish(viewer, video, None, _Replay(resumed=False, complete=not position.given))

    async def _send_held(self, viewer: Viewer, video: OpenVideo, number: int, replay: _Replay, place: Place) -> int:
        """Write to the viewer a piece of what the ring holds above `number`, and return how far that went.

        No faster than it reads: of a crowd that comes back and does not read, each would hold a whole ring.
        """
        ring = video.channel.ring
        index = ring.index_after(number)
        end = ring.end_within(index, ring.end, PIECE_BYTES)
        entries = ring.frames_for(index, end, viewer.cares_for)
        replay.note(entries)
        viewer.send(b"".join(frame for _, frame in entries))
        reached = ring.number_before(end)
        await place.patiently(viewer.writable())
        return reached

    async def _check_position(self, video: OpenVideo, number: int) -> int | None:
        """Return the position to go on from, for one above the newest number here; None when it was never given out."""
        feed, channel = video.feed, video.channel
        while True:
            try:
                newest = await self._replays.newest(channel.shard, channel.video)
                break
            except StoreError:
                await asyncio.sleep(RETRY_S)
        if number > newest:
            return None
        feed.reach(newest)
        await feed.opened()
        return number

    async def _replay(self, viewer: Viewer, video: OpenVideo, number: int, replay: _Replay, place: Place) -> int:
        """Write to the viewer what lies between its position and the ring, and return how far that went.

        Where the ring holds a sample, without what this viewer sees all the same, it goes as far as the ring does.

        A piece is read when the one before it has been written, so that a viewer that does not read holds one piece of
        a deep replay, and neither its place nor a slot.
        """
        channel = video.channel
        upto = channel.ring.floor if number < channel.ring.floor else video.feed.newest
        pieces = self._replays.pieces(video, number, upto, max(1, self._depth - replay.replayed))
        async with contextlib.aclosing(pieces):
            while number < upto and not viewer.is_leaving:
                try:
                    piece = await place.patiently(anext(pieces))
                except StoreError:
                    await place.patiently(asyncio.sleep(RETRY_S))
                    break
                if piece.missing is not None:
                    replay.misses(*piece.missing)
                await self._send(viewer, channel.video, piece, replay, place)
                number = piece.upto
        return number

    async def _send(self, viewer: Viewer, video: str, piece: Piece, replay: _Replay, place: Place) -> None:
        """Write a piece of a replay to a viewer, no faster than it reads, and let live comments have their turn."""
        version = self._moderation.version(video)
        for chunk in self._chunks(viewer, video, piece):
            if viewer.is_leaving:
                return
            if self._moderation.version(video) != version:  # what was removed meanwhile is not written any more
                rest = piece.between(max(piece.after, replay.last_sent or 0), piece.upto)
                await self._send(viewer, video, rest, replay, place)
                return
            replay.replayed += chunk.count
            replay.last_sent = chunk.reached
            viewer.send(chunk.data)
            await asyncio.sleep(0)
            if viewer.paused_since is not None:
                await place.patiently(viewer.writable())

    def _chunks(self, viewer: Viewer, video: str, piece: Piece) -> Iterable[Chunk]:
        """Return what a viewer gets of a piece: the sample that it would have been shown live.

        That is the same for nearly all of them, and made once: of thousands who come back, each would otherwise go
        through thousands of comments.
        """
        if piece.hidden_authors and viewer.cares_for_any(piece.hidden_authors):
            return in_chunks(self._shown(video, piece, viewer.cares_for))
        version = self._moderation.version(video)
        if piece.chunks_version != version:
            piece.chunks = tuple(in_chunks(self._shown(video, piece, lambda _: False)))
            piece.chunks_version = version
        return piece.chunks

    def _shown(self, video: str, piece: Piece, cares_for: Callable[[str], bool]) -> Iterator[tuple[int, bytes]]:
        """Yield what is shown of a piece, number and frame."""
        hides_any = self._moderation.hides_any(video)
        for message, frame, author in zip(piece.messages, piece.frames, piece.authors, strict=True):
            if not frame or (author is not None and not cares_for(author)):
                continue
            if not (hides_any and self._moderation.hides(video, message)):
                yield message.number, frame


def _finish(viewer: Viewer, video: OpenVideo, number: int | None, replay: _Replay) -> None:
    """Write what the ring holds above `number`, then `sync`, and add the viewer to the channel: all in one go."""
    if viewer.is_leaving:
        return
    ring, newest = video.channel.ring, video.feed.newest
    index = ring.end if number is None else ring.index_after(number)
    entries = ring.frames_for(index, ring.end, viewer.cares_for)
    if entries:
        REPLAYS.labels("ring").inc()
        replay.note(entries)
    REPLAYED.inc(replay.replayed)
    if not replay.complete:
        INCOMPLETE.inc()
    # `sync` carries the position reached where no event before it did.
    reached = number if replay.last_sent is None else replay.last_sent
    event = sse.named_event("sync", replay.told(), newest if newest > (reached or 0) else None)
    viewer.send(b"".join(frame for _, frame in entries) + event)
    video.channel.join(viewer, ring.end)
