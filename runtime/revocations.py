"""Tokens that are no longer good though they have not expired: one of them, or all that a user was given so far.

A revocation is a message in the stream `revocations`, one under each subject, which goes by itself when no token that
it could be about is good any more. Every part holds all of them: JetStream tells each new one, and what could not be
heard is read again every few seconds and when a connection is back.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Literal

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg

from runtime.cancelling import end_if_cancelled
from runtime.jetstream import Outgoing, Publisher, Reader, StoreError
from runtime.logs import get_logger
from runtime.tokens import Identity
from wire import headers, subjects

MAX_HELD: Final = 200_000  # about 40 MB; beyond that the oldest are forgotten, which is told
READ_AT_ONCE: Final = 1_000
READ_EVERY_S: Final = 5.0
DEFAULT_S: Final = 30 * 24 * 3600  # as long as a token is good, where nobody says otherwise
MAX_S: Final = 366 * 24 * 3600

Kind = Literal["token", "user"]

_log = get_logger("revocations")


@dataclass(frozen=True, slots=True)
class Revocation:
    """The token with the id (`jti`) `of`, or all tokens that the user `of` was given before `at_s`."""

    kind: Kind
    of: str
    at_s: float
    until_s: float
    by: str
    reason: str | None = None
    lifted: bool = False

    def is_about(self, identity: Identity) -> bool:
        """Return whether it takes an identity away. A token that does not say when it was given is one of before."""
        if self.lifted:
            return False
        if self.kind == "token":
            return identity.token_id == self.of
        return identity.user_id == self.of and (identity.issued_at is None or identity.issued_at <= self.at_s)

    def encode(self) -> bytes:
        """Return it as JSON."""
        return orjson.dumps(self)


def decode_revocation(data: bytes) -> Revocation:
    """Return what `Revocation.encode` wrote. Raises `ValueError`."""
    try:
        return Revocation(**orjson.loads(data))
    except TypeError as error:
        raise ValueError("not a revocation") from error


class Revocations:
    """Those that are in force. `changed` is told of each new one."""

    def __init__(self, connection: Client, changed: Callable[[Revocation], None] = lambda _: None) -> None:
        self._connection = connection
        self._changed = changed
        self._reader = Reader(connection)
        self._publisher = Publisher(connection)
        self._held: dict[tuple[str, str], Revocation] = {}
        self._read_upto = 0

    async def start(self) -> None:
        """Listen, and read what there is; what cannot be read now is read soon."""
        await self._reader.start()
        await self._connection.subscribe(subjects.moderated_token("*"), cb=self._told)
        try:
            await self._read()
        except StoreError as error:
            _log.error("revocations are not known yet", error=str(error))

    async def run(self) -> None:
        """Read again what may not have been heard, for ever."""
        while True:
            end_if_cancelled()
            await asyncio.sleep(READ_EVERY_S)
            with contextlib.suppress(StoreError):
                await self._read()

    def hold(self, identity: Identity) -> bool:
        """Return whether a token was revoked."""
        held = self._held
        if not held:
            return False
        of_user = held.get(("user", identity.user_id))
        of_token = held.get(("token", identity.token_id)) if identity.token_id is not None else None
        now_s = time.time()
        return any(one is not None and one.until_s > now_s and one.is_about(identity) for one in (of_user, of_token))

    async def add(self, revocation: Revocation) -> None:
        """Keep a revocation, so that every part knows of it. Raises `StoreError`."""
        ttl_s = max(1, int(revocation.until_s - time.time()))
        subject = subjects.revoked(_key(revocation.kind, revocation.of))
        await self._publisher.one(
            Outgoing(subject, revocation.encode(), headers.own_id(), further=((headers.TTL, f"{ttl_s}s"),))
        )
        self._take(revocation)

    async def _read(self) -> None:
        while True:
            messages, more = await self._reader.kept_after(
                subjects.REVOCATIONS_STREAM, subjects.revoked("*"), self._read_upto, READ_AT_ONCE
            )
            for message in messages:
                with contextlib.suppress(ValueError):
                    self._take(decode_revocation(message.payload))
                self._read_upto = message.number
            if not more or not messages:
                return

    async def _told(self, message: Msg) -> None:
        with contextlib.suppress(ValueError):
            self._take(decode_revocation(message.data))

    def _take(self, revocation: Revocation) -> None:
        place = (revocation.kind, revocation.of)
        held = self._held.get(place)
        if held is not None and held.at_s >= revocation.at_s:
            return
        self._held.pop(place, None)
        self._held[place] = revocation
        if len(self._held) > MAX_HELD:
            self._forget()
        if not revocation.lifted:
            self._changed(revocation)

    def _forget(self) -> None:
        now_s = time.time()
        self._held = {place: one for place, one in self._held.items() if one.until_s > now_s and not one.lifted}
        while len(self._held) > MAX_HELD:
            del self._held[next(iter(self._held))]
            _log.error("more revocations than can be held: the oldest is forgotten", limit=MAX_HELD)


def _key(kind: str, of: str) -> str:
    """Return what stands for it in a subject, in which a user's id could not stand."""
    return urlsafe_b64encode(sha256(f"{kind}\0{of}".encode()).digest()).rstrip(b"=").decode()
