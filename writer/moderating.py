"""The way of a moderation request: who asks, what for, and the control message that does it.

A control message goes through the batcher as a comment does, so it has its place among them. Once it is stored it is
added to the video's kept state, and a text that it removes is taken off the stream and overwritten there. Should this
writer die in between, nobody was told that it is done; the archiver does both again for every control message.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from nats.aio.client import Client

from runtime import jetstream
from runtime.cancelling import unharmed
from runtime.credentials import Credentials, Fields
from runtime.jetstream import Outgoing, StoreError
from runtime.logs import get_logger
from runtime.tokens import Identity
from runtime.video_states import VideoStates
from wire import control, headers, subjects
from wire.control import MODERATORS, Actor, Control, encode_control
from wire.orders import parse_ban, parse_comment_id, parse_reason, parse_state, parse_user_id, parse_words
from wire.problem import Refused
from wire.video import check_video, shard_of
from wire.video_state import LIFTED, MAX_BANS, MAX_STATE_BYTES, Ban, VideoState, state_of
from writer.batcher import Batcher
from writer.entry import NotKept
from writer.finding import Finding, Found
from writer.limits import Limits
from writer.metrics import MODERATED

STATE_RESERVE_BYTES: Final = 192 * 1024  # of a video's state: for all blocked words, and the newest removals
_NOBODY: Final = "\0"  # the user of control messages' ids: no user's id holds a control character

_log = get_logger("moderation")


@dataclass(frozen=True, slots=True)
class Done:
    """It is done by the control message `number`, and `archived` or not yet."""

    number: int
    archived: bool

    @property
    def status(self) -> int:
        """Return the HTTP status that says so."""
        return 200 if self.archived else 202


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks for something on a video, and with what body."""

    method: str
    video: str
    headers: Fields
    cookies: Fields
    body: bytes


class Moderating:
    """Takes requests of moderators. One batcher for each shard."""

    def __init__(
        self,
        credentials: Credentials,
        limits: Limits,
        states: VideoStates,
        connection: Client,
        batchers: Sequence[Batcher],
    ) -> None:
        self._credentials = credentials
        self._limits = limits
        self._finding = Finding(connection, batchers)
        self._states = states
        self._connection = connection
        self._batchers = batchers

    async def delete(self, asked: Request, comment: str) -> Done:
        """Remove a comment: the speaker's own, or any by a moderator. Raises `Refused`."""
        speaker, state = await self._speaker(asked)
        number = parse_comment_id(comment)
        reason = parse_reason(asked.body)
        if speaker.role_on(asked.video) not in MODERATORS:
            # It costs more than a comment: what it asks for is looked up, and every part hears of it.
            self._limits.take_delete(asked.video, speaker.user_id, time.monotonic_ns())
        found = await self._finding.comment(asked.video, number, state)
        await self._check_may_remove(asked.video, speaker, found)
        if found.deleted_by is not None:
            return await self._remove_again(asked.video, number, found)
        what = {"commentId": str(number), "userId": found.user_id, "timestamp": found.posted_ms}
        key = f"delete {number}"
        return await self._say(asked.video, control.DELETE, speaker, reason, what, key=key, erases=number)

    async def ban(self, asked: Request, user: str) -> Done:
        """Shut a user out of a video. Raises `Refused`."""
        speaker, state = await self._moderator(asked)
        user_id, order = parse_user_id(user), parse_ban(asked.body)
        _check_may_change(state.bans.get(user_id), speaker, asked.video)
        if user_id not in state.bans and not _has_room(state):
            raise Refused("too_many_bans")
        until_ms = None if order.for_s is None else int((time.time() + order.for_s) * 1000)
        what = {"userId": user_id, "untilMs": until_ms, "comments": order.comments}
        return await self._say(asked.video, control.BAN, speaker, order.reason, what)

    async def unban(self, asked: Request, user: str) -> Done:
        """Let a user in again. Raises `Refused`."""
        speaker, state = await self._moderator(asked)
        user_id, reason = parse_user_id(user), parse_reason(asked.body)
        held = state.bans.get(user_id)
        if held is None and not _has_room(state):
            raise Refused("not_found")
        # One that is not known is lifted all the same: it may be stored, and not known here yet.
        _check_may_change(held, speaker, asked.video)
        if held is not None and held.until_ms == LIFTED:
            await self._make_known(asked.video, VideoState(held.number, bans={user_id: held}), None)
            return Done(held.number, await unharmed(self._batcher(asked.video).archived(held.number)))
        return await self._say(asked.video, control.UNBAN, speaker, reason, {"userId": user_id})

    async def set_state(self, asked: Request) -> Done:
        """Change how a video may be used. Raises `Refused`."""
        speaker, _ = await self._moderator(asked)
        order = parse_state(asked.body)
        return await self._say(asked.video, control.STATE, speaker, order.reason, dict(order.changed))

    async def set_words(self, asked: Request) -> Done:
        """Block words. Raises `Refused`."""
        speaker, _ = await self._moderator(asked)
        words, reason = parse_words(asked.body)
        return await self._say(asked.video, control.WORDS, speaker, reason, {"words": words})

    async def _speaker(self, asked: Request) -> tuple[Identity, VideoState]:
        """Return who asks, unless he is banned, and the video's state."""
        video = check_video(asked.video)
        speaker = self._credentials.speaker(asked.method, asked.headers, asked.cookies, video)
        self._batcher(video).check_open()
        try:
            state = await self._states.of(video)
        except StoreError:
            raise Refused("unavailable") from None
        if state.ban_of(speaker.user_id, speaker.role_on(video), int(time.time() * 1000)) is not None:
            raise Refused("banned")
        return speaker, state

    async def _moderator(self, asked: Request) -> tuple[Identity, VideoState]:
        speaker, state = await self._speaker(asked)
        self._check_moderator(speaker, asked.video)
        return speaker, state

    def _check_moderator(self, speaker: Identity, video: str) -> None:
        if speaker.role_on(video) not in MODERATORS:
            raise Refused("not_allowed")

    def _batcher(self, video: str) -> Batcher:
        return self._batchers[shard_of(video, len(self._batchers))]

    async def _say(
        self,
        video: str,
        kind: str,
        speaker: Identity,
        reason: str | None,
        what: dict[str, Any],
        *,
        key: str | None = None,
        erases: int | None = None,
    ) -> Done:
        """Store a control message, and see to it that it is known everywhere. A `key` makes a repeat the same one."""
        actor = Actor(speaker.user_id, speaker.role_on(video), reason)
        shard = shard_of(video, len(self._batchers))
        message_id = headers.message_id(video, _NOBODY, key)
        payload = encode_control(actor, what)
        batcher = self._batchers[shard]
        outcome = batcher.known(message_id) if key is not None else None
        if outcome is None:
            batcher.check_open()  # the state and history were waited for
            message = Outgoing(subjects.comments(shard, video), payload, message_id, kind)
            outcome = batcher.take(message, keyed=key is not None)
        stored = await unharmed(outcome)
        if isinstance(stored, NotKept):
            raise Refused(stored.code)
        said = Control(stored.number, int(time.time() * 1000), kind, orjson.loads(payload))
        self._states.learn(video, state_of(said))
        await self._make_known(video, state_of(said), erases)
        MODERATED.labels(kind).inc()
        _log.info("moderated", video=video, kind=kind, number=stored.number, by=actor.user_id, role=actor.role)
        return Done(stored.number, await unharmed(stored.archived))

    async def _remove_again(self, video: str, number: int, found: Found) -> Done:
        """Do what a removal asks for once more: whoever repeats it may have been told that it was not done."""
        assert found.deleted_by is not None
        await self._make_known(video, found.removal, number)
        return Done(found.deleted_by, await unharmed(self._batcher(video).archived(found.deleted_by)))

    async def _make_known(self, video: str, piece: VideoState, erases: int | None) -> None:
        """Add to a video's kept state, and take a text off the stream. Raises `Refused` (`not_stored`)."""
        try:
            await self._states.add(video, piece)
            if erases is not None:
                await jetstream.erase(self._connection, shard_of(video, len(self._batchers)), erases)
        except StoreError as error:
            _log.warning("moderated, and not known everywhere yet", video=video, error=str(error))
            raise Refused("not_stored") from None

    async def _check_may_remove(self, video: str, speaker: Identity, found: Found) -> None:
        """Raise `Refused` (`not_allowed`) for one who is neither a moderator nor the comment's author."""
        if speaker.role_on(video) in MODERATORS:
            return
        author = found.user_id
        if author is None and found.deleted_by is not None:
            author = await self._finding.author_of_removed(video, found.deleted_by)
        if author != speaker.user_id:
            raise Refused("not_allowed")


def _check_may_change(held: Ban | None, speaker: Identity, video: str) -> None:
    """Raise `Refused` where a moderator would change what a host decided, while it holds."""
    if held is None or held.role != "host" or speaker.role_on(video) == "host":
        return
    if held.until_ms is None or held.until_ms > time.time() * 1000:
        raise Refused("not_allowed")


def _has_room(state: VideoState) -> bool:
    """Whether one more ban could be kept, in force or lifted.

    Removals do not count: they give way (`VideoState.fitting`), so that a comment can always be removed.
    """
    if len(state.bans) < MAX_BANS // 10:
        return True
    room = len(VideoState(bans=state.bans).encode()) <= MAX_STATE_BYTES - STATE_RESERVE_BYTES
    return len(state.bans) < MAX_BANS and room
