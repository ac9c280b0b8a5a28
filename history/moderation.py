"""What moderators have decided and done: `GET /videos/{video}` and what lies below it; and what pages go by.

The state of a video comes from the stream `moderation`; who did what is in Postgres. While NATS is away pages are as
Postgres has them: what is archived was removed there. And whether a reader is banned from a video whose state is not
known is looked up in the log, which has every ban that is archived: nobody who was shut out reads because NATS is away.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final

import orjson
from nats.aio.client import Client
from quart import Quart, Response, request

from history.archive import Archive
from history.row import Row
from runtime.credentials import Credentials
from runtime.exchange import answer
from runtime.hot_route import to_response
from runtime.jetstream import StoreError
from runtime.postgres import ArchiveAwayError
from runtime.tokens import Identity, UnknownKeyError
from runtime.video_states import VideoStates
from wire.control import MODERATORS, decode_control
from wire.number import MAX_NUMBER
from wire.page import parse_page_request
from wire.problem import Refused
from wire.subjects import OPERATORS
from wire.video import check_video, shard_of
from wire.video_state import NOTHING, VideoState, state_of

EVERY_VIDEO: Final = "*"
REST_S: Final = 2.0  # for which nobody waits for a state, once one could not be read

_TOLD_APART: Final = ("by", "role", "reason")


class Moderation:
    """The states of the videos that are read here."""

    def __init__(self, credentials: Credentials, archive: Archive, shards: int) -> None:
        self._credentials = credentials
        self._archive = archive
        self._shards = shards
        self._states: VideoStates | None = None  # once NATS is reached
        self._rests_until_s = 0.0

    async def start(self, connection: Client) -> None:
        """Listen."""
        states = VideoStates(connection, self._shards)
        await states.start()
        self._states = states

    def reconnected(self) -> None:
        """Read states again before they are used: what was told while the connection was lost was not heard."""
        if self._states is not None:
            self._states.reconnected()

    def version(self, video: str) -> int:
        """Return a number that changes with the state of a video."""
        return self._states.version(video) if self._states is not None else 0

    def applied(self, video: str, rows: Sequence[Row]) -> Sequence[Row]:
        """Return rows without the texts that were removed, also where that is not archived yet."""
        state = self._states.last_known(video) if self._states is not None else NOTHING
        if not state.hides_any:
            return rows
        return [
            {**dict(row), "deleted": True}  # type: ignore[call-overload]
            if not row["deleted"] and state.hides(row["comment_id"], row["user_id"])
            else row
            for row in rows
        ]

    async def check_reader(self, video: str, identity: Identity | None) -> None:
        """Raise `Refused`: `banned` for one who is shut out of a video, `unavailable` where nobody can say."""
        state = await self._state(video)
        if identity is None:
            return
        if state is None:
            last_known = self._states.last_known(video) if self._states is not None else NOTHING
            state = last_known.merge(await self._archived_ban(video, identity.user_id))
        if not state.bans:
            return
        if state.ban_of(identity.user_id, identity.role_on(video), int(time.time() * 1000)) is not None:
            raise Refused("banned")

    def add_routes(self, app: Quart) -> None:
        """Add the routes to an app; HEAD comes with them."""

        @app.get("/videos/<video>")
        async def get_video(video: str) -> Response:
            await self._reader(video)
            return _json((await self._state_now(video)).told())

        @app.get("/videos/<video>/me")
        async def get_me(video: str) -> Response:
            return _json(_me(await self._reader(video), video))

        @app.get("/videos/<video>/bans")
        async def get_bans(video: str) -> Response:
            await self._moderator(video)
            return _json({"bans": _bans(await self._state_now(video))})

        @app.get("/videos/<video>/words")
        async def get_words(video: str) -> Response:
            await self._moderator(video)
            return _json({"words": (await self._state_now(video)).blocked_words})

        @app.get("/videos/<video>/audit")
        async def get_audit(video: str) -> Response:
            await self._moderator(video)
            return await self._log(video)

        @app.get("/revocations/audit")
        async def get_operators_audit() -> Response:
            await self._check_operator()
            return await self._log(OPERATORS)

    async def _log(self, video: str) -> Response:
        """Return who did what, of a video or of the operators, the newest first. Raises `Refused`."""
        wanted = parse_page_request(request.args.get("cursor"), None, request.args.get("limit"), None)
        below = wanted.cursor if wanted.cursor is not None else MAX_NUMBER + 1
        try:
            rows = await self._archive.moderation_log(shard_of(video, self._shards), video, below, wanted.limit + 1)
        except ArchiveAwayError:
            raise Refused("unavailable") from None
        entries = [_entry(row) for row in rows[: wanted.limit]]
        return _json({"entries": entries, "nextCursor": entries[-1]["id"] if len(rows) > wanted.limit else None})

    async def _reader(self, video: str) -> Identity | None:
        """Return who asks, unless he is banned. Raises `Refused`."""

        def find() -> Identity | None:
            return self._credentials.reader(request.method, request.headers, request.cookies, check_video(video))

        try:
            identity = find()
        except UnknownKeyError as unknown:
            await unknown.wait()
            identity = find()
        await self.check_reader(video, identity)
        return identity

    async def _moderator(self, video: str) -> None:
        identity = await self._reader(video)
        if identity is None:
            raise Refused("no_token")
        if identity.role_on(video) not in MODERATORS:
            raise Refused("not_allowed")

    async def _check_operator(self) -> None:
        """Raise `Refused` unless it is an operator who asks: a host of all videos."""

        def find() -> Identity:
            return self._credentials.operator(request.method, request.headers, request.cookies)

        try:
            identity = find()
        except UnknownKeyError as unknown:
            await unknown.wait()
            identity = find()
        if identity.role_on(EVERY_VIDEO) != "host":
            raise Refused("not_allowed")

    async def _state(self, video: str) -> VideoState | None:
        """Return the state of a video, None where it is not known and cannot be read now."""
        states = self._states
        if states is None:
            return None
        known = states.known(video)
        if known is not None:
            return known
        loop = asyncio.get_running_loop()
        if loop.time() >= self._rests_until_s:
            try:
                return await states.of(video)
            except StoreError:
                self._rests_until_s = loop.time() + REST_S
        return None

    async def _archived_ban(self, video: str, user_id: str) -> VideoState:
        """Return what was decided of a user last, as far as it is archived. Raises `Refused` (`unavailable`)."""
        try:
            row = await self._archive.ban(shard_of(video, self._shards), video, user_id)
            if row is None:
                return NOTHING
            return state_of(decode_control(row["control_id"], row["at_ms"], row["kind"], row["detail"]))
        except (ArchiveAwayError, ValueError):
            raise Refused("unavailable") from None

    async def _state_now(self, video: str) -> VideoState:
        """Return the state of a video. Raises `Refused` (`unavailable`) where it cannot be read."""
        try:
            if self._states is not None:
                return await self._states.of(video)
        except StoreError:
            pass
        raise Refused("unavailable")


def _me(identity: Identity | None, video: str) -> dict[str, Any]:
    """Return whom a token names on a video, for pages that cannot read it: it is in a cookie."""
    if identity is None:
        return {"userId": None, "role": "viewer", "member": False}
    me = {"userId": identity.user_id, "role": identity.role_on(video), "member": identity.is_member_on(video)}
    return me if identity.name is None else {**me, "name": identity.name}


def _bans(state: VideoState) -> list[dict[str, Any]]:
    """Return the bans that are in force, the newest first."""
    now_ms = int(time.time() * 1000)
    told = []
    for user, ban in sorted(state.bans.items(), key=lambda one: -one[1].number):
        if ban.until_ms is None or ban.until_ms > now_ms:
            one = {"userId": user, "untilMs": ban.until_ms, "by": ban.by, "role": ban.role, "timestamp": ban.posted_ms}
            told.append(one if ban.reason is None else {**one, "reason": ban.reason})
    return told


def _entry(row: Row) -> dict[str, Any]:
    entry = {"id": str(row["control_id"]), "timestamp": row["at_ms"], "kind": row["kind"], "by": row["actor"]}
    entry |= {name: row[name] for name in ("role", "reason") if row[name] is not None}
    detail = orjson.loads(row["detail"])
    return entry | {"what": {name: value for name, value in detail.items() if name not in _TOLD_APART}}


def _json(document: dict[str, Any]) -> Response:
    return to_response(answer(200, b"application/json; charset=utf-8", b"private, no-store", orjson.dumps(document)))
