"""`PUT` and `DELETE /revocations/…`: for operators, by a token with the role `host` for all videos (`"*"`).

A revocation is kept and told first, so that it is felt whatever else fails; then it is noted who did it, as a control
message that the archiver takes into the log of moderation. Nobody is told that it is done before both are stored.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final, cast

from quart import Quart, Response, request

from runtime.cancelling import unharmed
from runtime.credentials import Credentials
from runtime.exchange import answer
from runtime.hot_route import to_response
from runtime.jetstream import Outgoing, StoreError
from runtime.logs import get_logger
from runtime.revocations import DEFAULT_S, MAX_S, Kind, Revocation, Revocations
from runtime.tokens import UnknownKeyError
from wire.control import LIFT, REVOKE, Actor, encode_control
from wire.headers import own_id
from wire.orders import parse_revocation, parse_user_id
from wire.problem import Refused
from wire.subjects import OPERATORS, comments
from wire.video import shard_of
from writer.batcher import Batcher
from writer.entry import NotKept
from writer.limits import Limits
from writer.posting import JSON, check_json_type

EVERY_VIDEO: Final = "*"

_log = get_logger("moderation")


class Revoking:
    """Takes requests of operators."""

    def __init__(
        self, credentials: Credentials, limits: Limits, batchers: Sequence[Batcher], renewable_s: float = 0
    ) -> None:
        """No revocation is shorter than `renewable_s`: for so long a token that it is about could be renewed here."""
        self.revocations: Revocations | None = None  # once the service has started
        self._credentials = credentials
        self._limits = limits
        self._batchers = batchers
        self._renewable_s = renewable_s

    def add_routes(self, app: Quart) -> None:
        """Add the routes to an app."""

        @app.route("/revocations/tokens/<path:token>", methods=["PUT", "DELETE"])
        async def revoke_token(token: str) -> Response:
            return await self._revoke("token", token)

        @app.route("/revocations/users/<path:user>", methods=["PUT", "DELETE"])
        async def revoke_user(user: str) -> Response:
            return await self._revoke("user", user)

    async def _revoke(self, kind: Kind, of: str) -> Response:
        self._limits.take_address(request.remote_addr or "", time.monotonic_ns())
        body = cast("bytes", await request.get_data(cache=False))
        if body:
            check_json_type(request.headers.get("Content-Type"))
        try:
            by = self._operator()
        except UnknownKeyError as unknown:
            await unknown.wait()
            by = self._operator()
        for_s, reason = parse_revocation(body, MAX_S)
        now_s = time.time()
        until_s = now_s + max(for_s or DEFAULT_S, self._renewable_s)
        lifted = request.method == "DELETE"
        await self._keep(Revocation(kind, parse_user_id(of), now_s, until_s, by, reason, lifted))
        return to_response(answer(200, JSON.encode(), b"no-store", b"{}"))

    def _operator(self) -> str:
        """Return who asks. Raises `Refused`: `no_token`, `foreign_origin`, `not_allowed`."""
        identity = self._credentials.operator(request.method, request.headers, request.cookies)
        if identity.role_on(EVERY_VIDEO) != "host":
            raise Refused("not_allowed")
        return identity.user_id

    async def _keep(self, revocation: Revocation) -> None:
        if self.revocations is None:
            raise Refused("unavailable")
        try:
            await self.revocations.add(revocation)
        except StoreError:
            raise Refused("unavailable") from None
        await self._note(revocation)
        said = "a revocation was lifted" if revocation.lifted else "revoked"
        _log.info(said, kind=revocation.kind, of=revocation.of, by=revocation.by)

    async def _note(self, revocation: Revocation) -> None:
        """Note who did it. Raises `Refused` where that cannot be stored: then it is to be done again."""
        what: dict[str, Any] = {"what": revocation.kind, "of": revocation.of}
        if not revocation.lifted:
            what["untilMs"] = int(revocation.until_s * 1000)
        kind = LIFT if revocation.lifted else REVOKE
        payload = encode_control(Actor(revocation.by, "host", revocation.reason), what)
        shard = shard_of(OPERATORS, len(self._batchers))
        batcher = self._batchers[shard]
        batcher.check_open()
        message = Outgoing(comments(shard, OPERATORS), payload, own_id(), kind)
        stored = await unharmed(batcher.take(message, keyed=False))
        if isinstance(stored, NotKept):
            raise Refused(stored.code)
