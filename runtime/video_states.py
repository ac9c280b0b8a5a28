"""The states of videos (`wire/video_state.py`), kept by the stream `moderation` and known here.

Whoever stores a control message also adds it to the kept state, and the archiver does so again for every one that it
reads; JetStream tells every part of each new state. A part holds the states of the videos that it has to do with. One
that it does not know is read from the stream's leader. After a lost connection all that is held counts as old, and is
read again before it is used: what was told meanwhile was not heard.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg

from runtime import jetstream
from runtime.jetstream import Outgoing, OvertakenError, Publisher, StoreAwayError, StoreError
from runtime.logs import get_logger
from wire import headers, subjects
from wire.video import shard_of
from wire.video_state import MAX_STATE_BYTES, NOTHING, VideoState, decode_state

MAX_HELD: Final = 100_000  # videos; nearly all of them have the one empty state
FRESH_S: Final = 30.0  # for which a state is not looked at again though nothing was told: what is told can be lost
WORTH_FORGETTING: Final = 100  # removals that are archived: for fewer the state is not written anew
ATTEMPTS: Final = 20  # to add to a state that others add to at the same time

_log = get_logger("moderation")

Changed = Callable[[str, VideoState, VideoState], None]


class StateFullError(StoreError):
    """The state of a video is as large as it may be."""


class VideoStates:
    """What this part knows. `changed` is told of a video's state as it was known, and as it is now."""

    def __init__(self, connection: Client, shards: int, changed: Changed = lambda _video, _before, _now: None) -> None:
        self._connection = connection
        self._shards = shards
        self._changed = changed
        self._publisher = Publisher(connection)
        self._held: OrderedDict[str, tuple[VideoState, float, int]] = (
            OrderedDict()
        )  # with when it was read, and a version
        self._reading: dict[str, asyncio.Task[VideoState]] = {}
        self._heard: dict[str, VideoState] = {}  # while it is read, of those
        self._versions = itertools.count(1)
        self._good_since = 0.0  # what was read before that is old

    async def start(self) -> None:
        """Listen."""
        await self._connection.subscribe(subjects.moderated_videos(), cb=self._told)

    def reconnected(self) -> None:
        """Hold nothing for good that was read before now: the connection was lost."""
        self._good_since = time.monotonic()

    def known(self, video: str) -> VideoState | None:
        """Return a video's state where it is known, and None where it has to be read; costs next to nothing."""
        held = self._held.get(video)
        if held is None or held[1] < self._good_since:
            return None
        if time.monotonic() - held[1] > FRESH_S and video not in self._reading:
            self._read_soon(video)
        return held[0]

    def last_known(self, video: str) -> VideoState:
        """Return the state as it was known last, however long ago; an empty one where none was."""
        held = self._held.get(video)
        return held[0] if held is not None else NOTHING

    def version(self, video: str) -> int:
        """Return a number that changes whenever what is known of a video does."""
        held = self._held.get(video)
        return held[2] if held is not None else 0

    async def of(self, video: str) -> VideoState:
        """Return a video's state. Raises `StoreError` where it is not known and cannot be read."""
        known = self.known(video)
        if known is not None:
            return known
        if not self._connection.is_connected:
            raise StoreAwayError("no connection to NATS")
        return await asyncio.shield(self._reading.get(video) or self._read_soon(video))

    def read_again(self, video: str) -> None:
        """Read a video's state, now and beside everything else; should that fail, it is read when it is asked for."""
        if video not in self._reading:
            self._read_soon(video)

    def learn(self, video: str, piece: VideoState) -> None:
        """Add what a control message says, which need not be all that there is to know."""
        if video in self._heard:
            self._heard[video] = self._heard[video].merge(piece)
        held = self._held.get(video)
        if held is not None:
            self._hold(video, held[0].merge(piece), held[1])
        else:
            self._changed(video, NOTHING, piece)

    async def add(self, video: str, piece: VideoState, archived: int = 0) -> VideoState:
        """Add to the kept state, so that every part knows of it, and return it.

        What is known to be in the archive, up to the number `archived`, need not be kept for long.
        Raises `StoreError`, `StateFullError`.
        """
        subject = subjects.video_state(shard_of(video, self._shards), video)
        for _ in range(ATTEMPTS):
            kept = await jetstream.kept(self._connection, subjects.MODERATION_STREAM, {"last_by_subj": subject})
            before = _decoded(video, kept.payload) if kept is not None else NOTHING
            merged = before.merge(piece)
            state = merged.forget(int(time.time() * 1000), archived)
            if merged is before and len(before.removed) - len(state.removed) < WORTH_FORGETTING:
                state = before
                break
            body = state.encode()
            if len(body) > MAX_STATE_BYTES:
                raise StateFullError(f"{video}: {len(body)} bytes")
            expected = (headers.EXPECTED_LAST, str(kept.number if kept is not None else 0))
            try:
                await self._publisher.one(Outgoing(subject, body, headers.own_id(), further=(expected,)))
            except OvertakenError:
                continue
            break
        else:
            raise StoreError(f"{video}: its state changes all the time")
        self._hear(video, state)
        return state

    def _read_soon(self, video: str) -> asyncio.Task[VideoState]:
        task = self._reading[video] = asyncio.get_running_loop().create_task(self._read(video))
        task.add_done_callback(lambda done: self._end_reading(video, done))
        return task

    def _end_reading(self, video: str, task: asyncio.Task[VideoState]) -> None:
        if self._reading.get(video) is task:
            del self._reading[video]
        self._heard.pop(video, None)
        if not task.cancelled():
            task.exception()  # whoever waits for it has it; nobody may be left

    async def _read(self, video: str) -> VideoState:
        self._heard[video] = NOTHING
        began = time.monotonic()
        subject = subjects.video_state(shard_of(video, self._shards), video)
        kept = await jetstream.kept(self._connection, subjects.MODERATION_STREAM, {"last_by_subj": subject})
        read = _decoded(video, kept.payload) if kept is not None else NOTHING
        # What was held may have come by a live copy, before it was kept.
        state = self.last_known(video).merge(read).merge(self._heard.get(video, NOTHING))
        self._hold(video, state.forget(int(time.time() * 1000)), began)
        return state

    async def _told(self, message: Msg) -> None:
        video = subjects.video_of(message.subject)
        with contextlib.suppress(ValueError):
            self._hear(video, decode_state(message.data))

    def _hear(self, video: str, state: VideoState) -> None:
        """Take in a whole state."""
        if video in self._heard:
            self._heard[video] = self._heard[video].merge(state)
        self._hold(video, self.last_known(video).merge(state), time.monotonic())

    def _hold(self, video: str, state: VideoState, read_at: float) -> None:
        before = self.last_known(video)
        version = self.version(video) if state is before else next(self._versions)
        self._held[video] = state, read_at, version
        self._held.move_to_end(video)
        if len(self._held) > MAX_HELD:
            self._held.popitem(last=False)
        if state is not before:
            self._changed(video, before, state)


def _decoded(video: str, payload: bytes) -> VideoState:
    try:
        return decode_state(payload)
    except ValueError as error:
        _log.error("the kept state of a video makes no sense", video=video)
        raise StoreError(f"{video}: its kept state makes no sense") from error
