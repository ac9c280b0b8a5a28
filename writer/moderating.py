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

import nats.errors
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
from wire.comment import COMMENT_KIND, decode_payload
from wire.control import Actor, Control, encode_control
from wire.orders import parse_ban, parse_comment_id, parse_reason, parse_state, parse_user_id, parse_words
from wire.problem import Refused
from wire.video import check_video, shard_of
from wire.video_state import MAX_BANS, MAX_STATE_BYTES, Ban, VideoState, state_of
from writer.batcher import Batcher
from writer.entry import NotKept
from writer.metrics import MODERATED

ASK_HISTORY_S: Final = 2.0
STATE_RESERVE_BYTES: Final = 64 * 1024  # of a video's state, for what is no ban
_NOBODY: Final = "\0"  # the user of control messages' ids: no user's id holds a control character
MODERATORS: Final = ("moderator", "host")

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
        self, credentials: Credentials, states: VideoStates, connection: Client, batchers: Sequence[Batcher]
    ) -> None:
        self._credentials = credentials
        self._states = states
        self._connection = connection
        self._batchers = batchers

    async def delete(self, asked: Request, comment: str) -> Done:
        """Remove a comment: the speaker's own, or any by a moderator. Raises `Refused`."""
        speaker, state = await self._speaker(asked)
        number = parse_comment_id(comment)
        reason = parse_reason(asked.body)
        removal = state.removed.get(number)
        if removal is not None:
            return Done(removal.number, archived=True)
        found = await self._find(asked.video, number, state)
        if found.deleted_by is not None:
            return Done(found.deleted_by, archived=True)
        if found.user_id != speaker.user_id:
            self._check_moderator(speaker, asked.video)
        what = {"commentId": str(number), "userId": found.user_id, "timestamp": found.posted_ms}
        key = f"delete {number}"
        return await self._say(asked.video, control.DELETE, speaker, reason, what, key=key, erases=number)

    async def ban(self, asked: Request, user: str) -> Done:
        """Shut a user out of a video. Raises `Refused`."""
        speaker, state = await self._moderator(asked)
        user_id, order = parse_user_id(user), parse_ban(asked.body)
        _check_may_change(state.bans.get(user_id), speaker, asked.video)
        if user_id not in state.bans and _is_full(state):
            raise Refused("too_many_bans")
        until_ms = None if order.for_s is None else int((time.time() + order.for_s) * 1000)
        what = {"userId": user_id, "untilMs": until_ms, "comments": order.comments}
        return await self._say(asked.video, control.BAN, speaker, order.reason, what)

    async def unban(self, asked: Request, user: str) -> Done:
        """Let a user in again. Raises `Refused`."""
        speaker, state = await self._moderator(asked)
        what = {"userId": parse_user_id(user)}
        _check_may_change(state.bans.get(what["userId"]), speaker, asked.video)
        return await self._say(asked.video, control.UNBAN, speaker, parse_reason(asked.body), what)

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
        try:
            await self._states.add(video, state_of(said))
            if erases is not None:
                await jetstream.erase(self._connection, shard, erases)
        except StoreError as error:
            _log.warning("moderated, and not known everywhere yet", video=video, kind=kind, error=str(error))
            raise Refused("not_stored") from None
        MODERATED.labels(kind).inc()
        _log.info("moderated", video=video, kind=kind, number=stored.number, by=actor.user_id, role=actor.role)
        return Done(stored.number, await unharmed(stored.archived))

    async def _find(self, video: str, number: int, state: VideoState) -> _Found:
        """Return a comment. Raises `Refused`: `no_comment`, `unavailable`."""
        shard = shard_of(video, len(self._batchers))
        try:
            kept = await jetstream.kept(self._connection, subjects.stream_name(shard), {"seq": number})
        except StoreError:
            raise Refused("unavailable") from None
        if kept is not None:
            if kept.subject != subjects.comments(shard, video) or kept.kind is not None:
                raise Refused("no_comment")
            try:
                comment = decode_payload(number, kept.posted_ms, kept.payload)
            except ValueError:
                raise Refused("no_comment") from None
            removal = state.removed_users.get(comment.user_id)
            is_removed = removal is not None and number < removal.number
            return _Found(comment.user_id, kept.posted_ms, removal.number if removal and is_removed else None)
        return await self._find_archived(shard, video, number)

    async def _find_archived(self, shard: int, video: str, number: int) -> _Found:
        asked = {"video": video, "after": number - 1, "upto": number, "limit": 1}
        try:
            reply = await self._connection.request(subjects.history(shard), orjson.dumps(asked), timeout=ASK_HISTORY_S)
            answer = orjson.loads(reply.data)
            if "error" in answer:
                raise Refused("unavailable")
            for found, posted_ms, kind, user_id, *_ in answer["comments"]:
                if found == number and kind == COMMENT_KIND:
                    return _Found(user_id, posted_ms, answer.get("deletedBy", {}).get(str(number)))
            through = int(answer["through"])
        except (nats.errors.Error, OSError, ValueError, KeyError, TypeError):
            raise Refused("unavailable") from None
        if through < number <= self._batchers[shard].continuity.known:
            raise Refused("unavailable")  # it may have been deleted a moment ago, and is not archived yet
        raise Refused("no_comment")


@dataclass(frozen=True, slots=True)
class _Found:
    """A comment: its author, None where it is deleted already, and by which control message then."""

    user_id: str | None
    posted_ms: int
    deleted_by: int | None = None


def _check_may_change(held: Ban | None, speaker: Identity, video: str) -> None:
    """Raise `Refused` where a moderator would change what a host decided, while it holds."""
    if held is None or held.role != "host" or speaker.role_on(video) == "host":
        return
    if held.until_ms is None or held.until_ms > time.time() * 1000:
        raise Refused("not_allowed")


def _is_full(state: VideoState) -> bool:
    if len(state.bans) < MAX_BANS // 10:
        return False
    return len(state.bans) >= MAX_BANS or len(state.encode()) > MAX_STATE_BYTES - STATE_RESERVE_BYTES
