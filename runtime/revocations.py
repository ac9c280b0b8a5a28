"""Tokens that are no longer good though they have not expired: one of them, or all that a user was given so far.

A revocation is a message in the stream `revocations`, one under each subject, which goes by itself when no token that
it could be about is good any more. Every part holds all of them: JetStream tells each new one, and what could not be
heard is read again every few seconds, and at once when a connection is back.

**Before all of them were read once**, nobody can say of a token that it is still good: whoever brings one is asked to
come back (`unavailable`), and only those without a token are served, where reading is public. Once they were read, they
count whatever becomes of NATS. [Why so](../docs/decisions/0012-tokens-wait-for-revocations.md).

**Which of two counts**, a revocation and the one that lifts it: the one that JetStream stored later. Clocks of writers
say nothing about that.

**Which tokens a user's revocation is about**: all that were given before, as far as clocks can tell. Issuer and writer
may be apart by `LIVECOMMENTS_TOKEN_LEEWAY_S`, so a token that was given within that time *after* the revocation is
refused as well; the user asks for another one then. Refused are also tokens that do not say when they were given
(`iat`), and those that say that they are from a future beyond the leeway. For the same reason a revocation holds for
twice the leeway longer than was asked for: so long, by whatever clock, a token may be taken after it has expired.
"""

from __future__ import annotations

import asyncio
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Literal

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg

from runtime import jetstream
from runtime.cancelling import end_if_cancelled
from runtime.jetstream import Outgoing, Publisher, Reader, StoreError
from runtime.logs import get_logger
from runtime.metrics import REVOCATIONS, REVOCATIONS_FORGOTTEN, REVOCATIONS_UNKNOWN, REVOCATIONS_UNREADABLE
from runtime.settings import Settings
from runtime.tokens import Identity
from wire import headers, subjects
from wire.problem import Refused

MAX_HELD: Final = 200_000  # about 40 MB; beyond that the oldest are forgotten, which is told
READ_AT_ONCE: Final = 1_000
READ_EVERY_S: Final = 5.0
FIRST_READ_EVERY_S: Final = 0.25  # until they were read on a connection: as long nobody is served, or none is renewed
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

    def is_about(self, identity: Identity, leeway_s: float, now_s: float) -> bool:
        """Return whether it takes an identity away, where clocks may be apart by `leeway_s`."""
        if self.lifted or now_s >= self.until_s + 2 * leeway_s:
            return False
        if self.kind == "token":
            return identity.token_id == self.of
        if identity.user_id != self.of:
            return False
        given_s = identity.issued_at
        return given_s is None or given_s <= self.at_s + leeway_s or given_s > now_s + leeway_s

    def encode(self) -> bytes:
        """Return it as JSON."""
        return orjson.dumps(self)


def decode_revocation(data: bytes) -> Revocation:
    """Return what `Revocation.encode` wrote, also by a later version that says more. Raises `ValueError`."""
    said = orjson.loads(data)
    if not isinstance(said, dict) or not all(_is_sound(said.get(name), kinds) for name, kinds in _KINDS.items()):
        raise ValueError("not a revocation")
    if said["kind"] not in ("token", "user"):
        raise ValueError("a revocation of something else")
    return Revocation(**{name: said[name] for name in (*_KINDS, "reason") if name in said})


_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "kind": (str,),
    "of": (str,),
    "at_s": (int, float),
    "until_s": (int, float),
    "by": (str,),
    "lifted": (bool,),
}


def _is_sound(value: Any, kinds: tuple[type, ...]) -> bool:
    return type(value) in kinds


class Revocations:
    """Those that are in force. `changed` is told of each new one."""

    def __init__(
        self, connection: Client, settings: Settings, changed: Callable[[Revocation], None] = lambda _: None
    ) -> None:
        self._connection = connection
        self._leeway_s = settings.token_leeway_s
        self._changed = changed
        self._reader = Reader(connection)
        self._publisher = Publisher(connection)
        self._held: dict[tuple[str, str], tuple[Revocation, int]] = {}  # each with its number in the stream
        self._read_upto = 0
        self._highest = 0  # of all numbers heard or read
        self._unreadable = 0  # the highest number of one that was counted as such
        self._wake = asyncio.Event()
        self._read_on: int | None = None  # the connection on which all that there are were read last
        self._is_known = False  # all of them, once

    async def start(self) -> None:
        """Listen, and read what there is; what cannot be read now is read soon."""
        await self._reader.start()
        await self._connection.subscribe(subjects.moderated_token("*"), cb=self._told)
        try:
            await self._read_all()
        except StoreError as error:
            _log.error("revocations are not known yet: whoever brings a token is told to come back", error=str(error))

    def reconnected(self) -> None:
        """Read again, at once: what was told while the connection was lost was not heard."""
        self._read_on = None
        self._wake.set()

    async def run(self) -> None:
        """Read again what may not have been heard, for ever."""
        while True:
            end_if_cancelled()
            try:
                async with asyncio.timeout(READ_EVERY_S if self._is_read else FIRST_READ_EVERY_S):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            try:
                await (self._read() if self._is_read else self._read_all())
            except StoreError:
                continue  # soon, and when the connection is back
            except Exception:  # noqa: BLE001  whatever it is: who is revoked must go on being heard of
                _log.exception("revocations could not be read")

    @property
    def are_current(self) -> bool:
        """Whether all are known, as far as one can know: the connection is there, and all were read since it is."""
        return self._is_read and self._connection.is_connected

    @property
    def _is_read(self) -> bool:
        # Not what `reconnected` says alone: a connection is there some moments before that is called.
        return self._read_on == jetstream.times_reconnected(self._connection)

    def hold(self, identity: Identity) -> bool:
        """Return whether a token was revoked. Raises `Refused` (`unavailable`) while nobody can say."""
        if not self._is_known:
            raise Refused("unavailable")
        held = self._held
        if not held:
            return False
        of_user = held.get(("user", identity.user_id))
        of_token = held.get(("token", identity.token_id)) if identity.token_id is not None else None
        if of_user is None and of_token is None:
            return False
        now_s = time.time()
        return any(one is not None and one[0].is_about(identity, self._leeway_s, now_s) for one in (of_user, of_token))

    async def add(self, revocation: Revocation) -> None:
        """Keep a revocation, so that every part knows of it. Raises `StoreError`."""
        ttl_s = max(1, int(revocation.until_s - time.time() + 2 * self._leeway_s))
        subject = subjects.revoked(_key(revocation.kind, revocation.of))
        stored = await self._publisher.one(
            Outgoing(subject, revocation.encode(), headers.own_id(), further=((headers.TTL, f"{ttl_s}s"),))
        )
        self._take(revocation, stored.number)

    async def _look_at_stream(self) -> None:
        """See whether the stream is an older copy, whose numbers begin anew below those that are known."""
        answer = await jetstream.api(self._connection, f"STREAM.INFO.{subjects.REVOCATIONS_STREAM}")
        if "error" in answer:
            raise StoreError(f"{subjects.REVOCATIONS_STREAM}: {answer['error'].get('description')}")
        last = int(answer["state"]["last_seq"])
        if last >= self._highest:
            return
        _log.error("the stream of revocations was set back: those that are known stay", last=last, known=self._highest)
        self._held = {place: (revocation, 0) for place, (revocation, _) in self._held.items()}
        self._read_upto = self._highest = self._unreadable = 0

    async def _read_all(self) -> None:
        """Read all that there are, on a new connection. Raises `StoreError`, and is to be done again then."""
        connection = jetstream.times_reconnected(self._connection)
        if self._is_known:
            await self._look_at_stream()
        # A replica may answer what is read, and have less than was acknowledged: the leader says how far it goes.
        newest = await jetstream.kept(
            self._connection, subjects.REVOCATIONS_STREAM, {"last_by_subj": subjects.revoked("*")}
        )
        await self._read()
        if newest is not None and self._read_upto < newest.number:
            raise StoreError(f"{subjects.REVOCATIONS_STREAM}: read up to {self._read_upto} of {newest.number}")
        self._read_on, self._is_known = connection, True
        REVOCATIONS_UNKNOWN.set(0)

    async def _read(self) -> None:
        while True:
            messages, more = await self._reader.kept_after(
                subjects.REVOCATIONS_STREAM, subjects.revoked("*"), self._read_upto, READ_AT_ONCE
            )
            for message in messages:
                self._hear(message.payload, message.number)
                self._read_upto = message.number
            if not more or not messages:
                return

    async def _told(self, message: Msg) -> None:
        number = (message.headers or {}).get(headers.SEQUENCE, "")
        if number.isdecimal():
            self._hear(message.data, int(number))

    def _hear(self, data: bytes, number: int) -> None:
        try:
            self._take(decode_revocation(data), number)
        except ValueError:
            if number > self._unreadable:
                self._unreadable = number
                REVOCATIONS_UNREADABLE.inc()
                _log.error("a revocation cannot be read: run parts of the version that wrote it", number=number)

    def _take(self, revocation: Revocation, number: int) -> None:
        self._highest = max(self._highest, number)
        place = (revocation.kind, revocation.of)
        held = self._held.get(place)
        if held is not None and held[1] >= number:
            return
        self._held.pop(place, None)  # the oldest stand first
        self._held[place] = revocation, number
        if held is not None and held[0] == revocation:
            return
        if len(self._held) > MAX_HELD:
            self._forget()
        REVOCATIONS.set(len(self._held))
        if not revocation.lifted:
            self._changed(revocation)

    def _forget(self) -> None:
        now_s = time.time()
        self._held = {
            place: (one, number)
            for place, (one, number) in self._held.items()
            if one.until_s + 2 * self._leeway_s > now_s and not one.lifted
        }
        while len(self._held) > MAX_HELD:
            del self._held[next(iter(self._held))]
            REVOCATIONS_FORGOTTEN.inc()
            _log.error("more revocations than can be held: the oldest is forgotten", limit=MAX_HELD)


def _key(kind: str, of: str) -> str:
    """Return what stands for it in a subject, in which a user's id could not stand."""
    return urlsafe_b64encode(sha256(f"{kind}\0{of}".encode()).digest()).rstrip(b"=").decode()
