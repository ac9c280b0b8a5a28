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
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from runtime import jetstream
from runtime.jetstream import Outgoing, OvertakenError, Publisher, StoreAwayError, StoreError
from runtime.logs import get_logger
from wire import headers, subjects
from wire.video import shard_of
from wire.video_state import MAX_STATE_BYTES, NOTHING, VideoState, decode_state

MAX_HELD: Final = 100_000  # videos; nearly all of them have the one empty state
MAX_HELD_WEIGHT: Final = 500_000  # bans, removals and words in all of them, about 100 MB
MAX_PASSED_OVER: Final = 100  # videos in use that stay when room is made; those that were read last stay anyway
FRESH_S: Final = 30.0  # for which a state is not looked at again though nothing was told
GOOD_S: Final = 3600.0  # … and for which what was read counts at all: what is over is not kept for ever
READ_AT_ONCE: Final = 64  # states, when many are to be read anew
READ_AGAIN_S: Final = 1.0  # … those that could not be read
WORTH_FORGETTING: Final = 100  # removals that are archived: for fewer the state is not written anew
ATTEMPTS: Final = 20  # to add to a state that others add to at the same time

_log = get_logger("moderation")

Changed = Callable[[str, VideoState, VideoState], None]


class StateFullError(StoreError):
    """The state of a video is as large as it may be."""


@dataclass(frozen=True, slots=True)
class _Held:
    """A state as it is known, when it was read (by the monotonic clock), and a number that no other one has."""

    state: VideoState
    read_at: float
    version: int


class VideoStates:
    """What this part knows. `changed` is told of a video's state as it was known, and as it is now.

    `in_use` says of a video whether its state is needed here all the time, and not only when somebody asks for it.
    """

    def __init__(
        self,
        connection: Client,
        shards: int,
        changed: Changed = lambda _video, _before, _now: None,
        in_use: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._connection = connection
        self._shards = shards
        self._changed = changed
        self._in_use = in_use
        self._publisher = Publisher(connection)
        self._held: OrderedDict[str, _Held] = OrderedDict()  # the one that was read or told last is the last
        self._weight = 0
        self._let_go = 0
        self._reading: dict[str, asyncio.Task[VideoState]] = {}
        self._heard: dict[str, VideoState] = {}  # while it is read, of those
        self._versions = itertools.count(1)
        self._good_since = -GOOD_S  # what was read before that is old

    async def start(self) -> None:
        """Listen."""
        await self._connection.subscribe(subjects.moderated_video("*", "*"), cb=self._told)

    def reconnected(self) -> None:
        """Hold nothing for good that was read before now: the connection was lost."""
        self._good_since = time.monotonic()

    def known(self, video: str) -> VideoState | None:
        """Return a video's state where it is known, and None where it has to be read; costs next to nothing."""
        held = self._held.get(video)
        now = time.monotonic()
        if held is None or held.read_at < self._good_since or now - held.read_at > GOOD_S:
            return None
        if now - held.read_at > FRESH_S and video not in self._reading:
            self._read_soon(video)
        return held.state

    def last_known(self, video: str) -> VideoState:
        """Return the state as it was known last, however long ago; an empty one where none was."""
        held = self._held.get(video)
        return held.state if held is not None else NOTHING

    def version(self, video: str) -> int:
        """Return a number that changes whenever what is known of a video does, and is never what it was before that."""
        held = self._held.get(video)
        return held.version if held is not None else -self._let_go

    async def of(self, video: str) -> VideoState:
        """Return a video's state. Raises `StoreError` where it is not known and cannot be read."""
        known = self.known(video)
        if known is not None:
            return known
        if not self._connection.is_connected:
            raise StoreAwayError("no connection to NATS")
        return await asyncio.shield(self._reading.get(video) or self._read_soon(video))

    async def read_again(self, videos: Collection[str]) -> None:
        """Read the states of videos anew, some at a time, until each was read that is in use. Does not fail."""
        left = list(videos)
        while left:
            failed: list[str] = []
            for place in range(0, len(left), READ_AT_ONCE):
                some = left[place : place + READ_AT_ONCE]
                tasks = [self._reading.get(video) or self._read_soon(video) for video in some]
                await asyncio.wait(tasks)
                failed += [
                    video
                    for video, task in zip(some, tasks, strict=True)
                    if task.cancelled() or task.exception() is not None
                ]
            left = [video for video in failed if self._in_use(video)]
            if left:
                await asyncio.sleep(READ_AGAIN_S)

    def learn(self, video: str, piece: VideoState) -> None:
        """Add what a control message says, which need not be all that there is to know."""
        if video in self._heard:
            self._heard[video] = self._heard[video].merge(piece)
        held = self._held.get(video)
        if held is not None:
            self._hold(video, held.state.merge(piece), held.read_at)
        else:
            self._changed(video, NOTHING, piece)

    async def add(self, video: str, piece: VideoState, archived: int = 0) -> VideoState:
        """Add to the kept state, tell every part what was added, and return the whole.

        What is known to be in the archive, up to the number `archived`, need not be kept for long.
        Raises `StoreError`, `StateFullError`.
        """
        state = await self._keep(video, piece, archived)
        self._hear(video, state)
        if piece.number:
            with contextlib.suppress(nats.errors.Error, OSError):  # who did not hear of it reads it, at the latest soon
                subject = subjects.moderated_video(shard_of(video, self._shards), video)
                await self._connection.publish(subject, piece.encode())
        return state

    async def _keep(self, video: str, piece: VideoState, archived: int) -> VideoState:
        subject = subjects.video_state(shard_of(video, self._shards), video)
        for _ in range(ATTEMPTS):
            kept = await jetstream.kept(self._connection, subjects.VIDEO_STATES_STREAM, {"last_by_subj": subject})
            before = _decoded(video, kept.payload) if kept is not None else NOTHING
            merged = before.merge(piece)
            now_ms = int(time.time() * 1000)
            state = merged.forget(now_ms, archived)
            if merged is before and len(before.removed) - len(state.removed) < WORTH_FORGETTING:
                return before
            state = state.fitting(MAX_STATE_BYTES)
            body = state.encode()
            if len(body) > MAX_STATE_BYTES:
                raise StateFullError(f"{video}: {len(body)} bytes")
            fields = [(headers.EXPECTED_LAST, str(kept.number if kept is not None else 0))]
            ends_ms = state.ends_ms(now_ms)
            if ends_ms is not None:
                fields.append((headers.TTL, f"{(ends_ms - now_ms) // 1000 + 1}s"))
            try:
                await self._publisher.one(Outgoing(subject, body, headers.own_id(), further=tuple(fields)))
            except OvertakenError:
                continue
            return state
        raise StoreError(f"{video}: its state changes all the time")

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
        self._heard.setdefault(video, NOTHING)
        began = time.monotonic()
        subject = subjects.video_state(shard_of(video, self._shards), video)
        kept = await jetstream.kept(self._connection, subjects.VIDEO_STATES_STREAM, {"last_by_subj": subject})
        state = (_decoded(video, kept.payload) if kept is not None else NOTHING).merge(self._heard.get(video, NOTHING))
        self._hold(video, self._with_held(video, state).forget(int(time.time() * 1000)), began)
        return self.last_known(video)

    async def _told(self, message: Msg) -> None:
        with contextlib.suppress(ValueError):
            self.learn(subjects.video_of(message.subject), decode_state(message.data))

    def _hear(self, video: str, state: VideoState) -> None:
        """Take in a whole state."""
        if video in self._heard:
            self._heard[video] = self._heard[video].merge(state)
        self._hold(video, self._with_held(video, state), time.monotonic())

    def _with_held(self, video: str, state: VideoState) -> VideoState:
        """Return a state that was read, and what is held beside it: by a live copy it may have come before it was kept.

        What was read long ago does not count: a ban that was lifted since, and is over, is not in what is read now.
        """
        held = self._held.get(video)
        return state if held is None or time.monotonic() - held.read_at > GOOD_S else held.state.merge(state)

    def _hold(self, video: str, state: VideoState, read_at: float) -> None:
        held = self._held.get(video)
        before = held.state if held is not None else NOTHING
        version = held.version if held is not None and state is before else next(self._versions)
        self._held[video] = _Held(state, read_at, version)
        self._held.move_to_end(video)
        self._weight += state.weight - before.weight
        if len(self._held) > MAX_HELD or self._weight > MAX_HELD_WEIGHT:
            self._make_room(video)
        if state is not before:
            self._changed(video, before, state)

    def _make_room(self, wanted: str) -> None:
        """Let go of what was read longest ago, and is neither in use nor the one that is wanted."""
        passed_over = 0
        while len(self._held) > MAX_HELD or self._weight > MAX_HELD_WEIGHT:
            video, oldest = next(iter(self._held.items()))
            if video == wanted:
                return
            if passed_over < MAX_PASSED_OVER and self._in_use(video):
                passed_over += 1
                self._held.move_to_end(video)
                continue
            del self._held[video]
            self._let_go += 1
            self._weight -= oldest.state.weight


def _decoded(video: str, payload: bytes) -> VideoState:
    try:
        return decode_state(payload)
    except ValueError as error:
        _log.error("the kept state of a video makes no sense", video=video)
        raise StoreError(f"{video}: its kept state makes no sense") from error
