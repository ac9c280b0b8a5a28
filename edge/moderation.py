"""What moderators decide, as it is felt here: who is sent away, and which texts are gone.

A control message comes in its place among the comments; the video's whole state (`runtime/video_states.py`) is read
when the video is opened, and told when it changes. Whichever comes first counts. A video's feed does not begin before
the state was read, so nobody who is banned is shown anything, and no text that was removed is shown again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Final, Protocol

import orjson
from nats.aio.client import Client

from edge.coming_back import BANNED_RETRY_MS, between
from edge.messages import Message
from edge.metrics import ENDED
from edge.ring import Ring
from edge.viewer import Viewer
from runtime.cancelling import end_if_cancelled
from runtime.jetstream import StoreError
from runtime.tokens import Identity
from runtime.video_states import VideoStates
from wire import sse
from wire.control import KINDS, decode_control
from wire.problem import Refused
from wire.video_state import VideoState, state_of

BANNED: Final = "banned"


class ModeratedChannel(Protocol):
    """The part of a video's channel that removals are about."""

    @property
    def video(self) -> str:
        """Its id."""

    @property
    def ring(self) -> Ring:
        """Its newest comments."""


class ClearedPieces(Protocol):
    """What was read of a video for replays."""

    def clear(self) -> None:
        """Let go of everything."""


class ModeratedVideo(Protocol):
    """What moderation needs of a video that is open here (`channels.py`)."""

    @property
    def channel(self) -> ModeratedChannel:
        """What is live of it."""

    @property
    def pieces(self) -> ClearedPieces:
        """What is replayed of it."""


class Moderation:
    """The states of the videos that this edge has to do with, and what follows from them."""

    def __init__(self, connection: Client, shards: int) -> None:
        self.states = VideoStates(connection, shards, self._changed, in_use=lambda video: video in self._open)
        self._lost = asyncio.Event()  # the connection was, and the states of open videos are to be read again
        self._open: Mapping[str, ModeratedVideo] = {}
        self._viewers: Mapping[Viewer, ModeratedVideo | None] = {}
        self._streams_of: Callable[[str], int] = lambda _: 0
        self._forget_snapshot: Callable[[str], None] = lambda _: None

    def attach(
        self,
        videos: Mapping[str, ModeratedVideo],
        viewers: Mapping[Viewer, ModeratedVideo | None],
        streams_of: Callable[[str], int],
        forget_snapshot: Callable[[str], None],
    ) -> None:
        """Say whom it is about: the open videos, all viewers, how many streams a user has, and the snapshots."""
        self._open, self._viewers = videos, viewers
        self._streams_of, self._forget_snapshot = streams_of, forget_snapshot

    async def start(self) -> None:
        """Listen."""
        await self.states.start()

    def reconnected(self) -> None:
        """Read the states of the open videos again: what was told while the connection was lost was not heard."""
        self.states.reconnected()
        self._lost.set()

    async def run(self) -> None:
        """Read them, for ever: some at a time, as an edge may have many open and all edges come back at once."""
        while True:
            end_if_cancelled()
            await self._lost.wait()
            self._lost.clear()
            await self.states.read_again(tuple(self._open))

    async def check(self, video: str, identity: Identity | None) -> None:
        """Raise `Refused` (`banned`) for one who is shut out of a video.

        Where that cannot be known now, because JetStream is away, the viewer is let in: before it is shown anything it
        is known.
        """
        if identity is None:
            return
        with contextlib.suppress(StoreError):
            await self.states.of(video)
        if self.is_banned(video, identity):
            raise Refused("banned")

    def is_banned(self, video: str, identity: Identity | None) -> bool:
        """Return whether somebody is shut out of a video, as far as is known."""
        if identity is None:
            return False
        state = self.states.last_known(video)
        if not state.bans:
            return False
        return state.ban_of(identity.user_id, identity.role_on(video), int(time.time() * 1000)) is not None

    async def prepare(self, video: str) -> None:
        """Read a video's state before its feed begins. Raises `StoreError`."""
        await self.states.of(video)

    def event(self, video: str) -> bytes:
        """Return what one who has just joined is told of the state of a video; nothing where it is as usual."""
        unusual = self.states.last_known(video).unusual()
        return sse.named_event("state", unusual) if unusual else b""

    def took(self, video: str, message: Message) -> None:
        """Hear a message of a video in its place in the order."""
        if message.kind in KINDS:
            try:
                control = decode_control(message.number, message.posted_ms, message.kind or "", message.payload)
            except ValueError:
                return
            self.states.learn(video, state_of(control))

    def version(self, video: str) -> int:
        """Return a number that changes whenever what is known of a video does."""
        return self.states.version(video)

    def hides_any(self, video: str) -> bool:
        """Return whether any comment of a video was removed."""
        return self.states.last_known(video).hides_any

    def hides(self, video: str, message: Message) -> bool:
        """Return whether a comment was removed."""
        state = self.states.last_known(video)
        if not state.hides_any or message.kind is not None:
            return False
        return state.hides(message.number, _author(message.payload) if state.removed_users else None)

    def may_lack(self, video: str, number: int) -> bool:
        """Return whether a comment may be missing here because it was removed before it came."""
        state = self.states.last_known(video)
        return number in state.removed or any(number < removal.number for removal in state.removed_users.values())

    def _changed(self, video: str, before: VideoState, now: VideoState) -> None:
        self._forget_snapshot(video)
        held = self._open.get(video)
        if held is None:
            return
        if now.removed != before.removed or now.removed_users != before.removed_users:
            held.pieces.clear()
        ring = held.channel.ring
        for number in now.removed:
            if number not in before.removed:
                ring.remove(number)
        for user, removal in now.removed_users.items():
            if before.removed_users.get(user) != removal:
                ring.remove_of(user, removal.number)
        changed = {user for user, ban in now.bans.items() if before.bans.get(user) != ban and self._streams_of(user)}
        if changed:
            self._send_away(held, changed)

    def _send_away(self, video: ModeratedVideo, users: set[str]) -> None:
        theirs = [
            viewer
            for viewer, claim in self._viewers.items()
            if claim is video and viewer.identity is not None and viewer.identity.user_id in users
        ]
        for viewer in theirs:
            if not viewer.is_leaving and self.is_banned(video.channel.video, viewer.identity):
                self.send_away(viewer)

    def send_away(self, viewer: Viewer) -> None:
        """End the stream of one who is banned."""
        ENDED.labels(BANNED).inc()
        viewer.say_goodbye(BANNED, between(BANNED_RETRY_MS))


def _author(payload: bytes) -> str | None:
    try:
        author = orjson.loads(payload)["userId"]
    except (ValueError, KeyError, TypeError):
        return None
    return author if isinstance(author, str) else None
