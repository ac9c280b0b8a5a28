"""NATS: the connection, publishing into a shard's stream, and reading from it.

nats-py has helpers neither for atomic batches nor for Direct Get in batches, so both are spoken here in their own
protocol (NATS ADR-50 and ADR-31).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import ssl
import time
from base64 import b64decode
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from weakref import WeakKeyDictionary

import nats.errors
import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg

import nats
from runtime.logs import Repeats, get_logger
from runtime.metrics import NATS_DISCONNECTS
from runtime.settings import Settings, SettingsError
from wire import headers, subjects
from wire.comment import posted_ms

CONNECT_TIMEOUT_S: Final = 2
START_WAIT_S: Final = 30  # how long a part waits for NATS at its start before it gives up
PING_INTERVAL_S: Final = 1  # with two pings outstanding, a silent server is noticed in 3 s
MAX_OUTSTANDING_PINGS: Final = 2
UNACKNOWLEDGED_MS: Final = 4_000  # … also where so much waits to be sent that the pings cannot be
RECONNECT_WAIT_S: Final = (0.1, 0.4)  # nats-py has no jitter of its own: each process picks one wait out of this range
PENDING_OUT_BYTES: Final = 8 * 1024 * 1024  # what may wait to be sent while disconnected
REQUEST_TIMEOUT_S: Final = 2.0
DIRECT_GET_TIMEOUT_S: Final = 5.0
MULTI_LAST_MAX: Final = 1_000  # the server answers 413 above 1,024 subjects
BATCH_MAX: Final = 1_000  # messages in one atomic batch

_ALREADY_STORED: Final = {10201, 10158}  # a message id of the batch is known already, or on its way
_STREAM_FULL: Final = {10077, 10047}  # maximum bytes exceeded; insufficient storage
_NO_MESSAGE: Final = 10037
_NOT_THE_LAST: Final = {10071, 10164}  # another message has come under the subject since
_NOT_THERE: Final = {10037, 10043, 10057}  # a message that is to be deleted is none any more
_NO_STREAM: Final = 10059

_log = get_logger("nats")


class StoreError(Exception):
    """JetStream did not do what was asked."""


class StoreAwayError(StoreError):
    """JetStream cannot be reached, or did not answer in time: what was asked may or may not have happened."""


class StoreFullError(StoreError):
    """The stream holds as many bytes as it may; nothing was stored."""


class AlreadyStoredError(StoreError):
    """A message id of an atomic batch is known already; nothing of the batch was stored."""


class OvertakenError(StoreError):
    """Another message was stored under the subject since it was looked at; nothing was stored."""


class StreamMissingError(StoreError):
    """There is no such stream; run 'livecomments streams'."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A message as a stream holds it. `headers` are those it was published with, and the stream's own."""

    number: int
    subject: str
    posted_ms: int
    payload: bytes
    headers: dict[str, str]

    @property
    def kind(self) -> str | None:
        """Return the kind of the message, None for a comment."""
        return self.headers.get(headers.KIND)


@dataclass(frozen=True, slots=True)
class Kept:
    """A message as a stream's leader keeps it. `kind` is None for a comment."""

    number: int
    subject: str
    posted_ms: int
    payload: bytes
    kind: str | None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to be stored once: a repeat of its `message_id` within the duplicate window is not stored again."""

    subject: str
    payload: bytes
    message_id: str
    kind: str | None = None
    further: tuple[tuple[str, str], ...] = ()  # headers

    def headers(self) -> dict[str, str]:
        """Return its headers."""
        fields = {**dict(self.further), headers.MESSAGE_ID: self.message_id}
        if self.kind is not None:
            fields[headers.KIND] = self.kind
        return fields


@dataclass(frozen=True, slots=True)
class Ack:
    """JetStream's word that a message is stored. `duplicate`: it was before, and `number` is the first one's."""

    number: int
    duplicate: bool


@dataclass(frozen=True, slots=True)
class StreamState:
    """What a stream holds. Empty: `first` is the next number and `last` the one before it.

    `first_ms` is when the first message was stored, None where there is none or it was not asked for.
    """

    first: int
    last: int
    held_bytes: int = 0
    first_ms: int | None = None


async def connect(
    settings: Settings, name: str, *, on_reconnect: Callable[[], Awaitable[None]] | None = None
) -> Client:
    """Return a connection that never stops trying to come back.

    Raises `StoreAwayError` when NATS cannot be reached within `START_WAIT_S`.
    """
    connected: list[Client] = []
    repeats = Repeats()  # nats-py tries several times a second

    async def lost() -> None:
        if connected and connected[0].is_closed:
            return  # we closed it ourselves
        NATS_DISCONNECTS.inc()
        _log.warning("connection to NATS lost", connection=name)
        if connected:
            _give_up_waiting(connected[0])

    async def back() -> None:
        repeats.forget()
        _log.info("connection to NATS is back", connection=name)
        if connected:
            _end_when_silent(connected[0])
        if on_reconnect is not None:
            await on_reconnect()

    async def failed(error: Exception) -> None:
        if repeats.worth_saying(type(error).__name__, time.monotonic()):
            _log.warning("NATS", connection=name, error=f"{type(error).__name__}: {error}")

    options: dict[str, Any] = {
        "servers": settings.nats_url.split(","),
        "name": name,
        "connect_timeout": CONNECT_TIMEOUT_S,
        "allow_reconnect": True,
        "max_reconnect_attempts": -1,
        "reconnect_time_wait": random.uniform(*RECONNECT_WAIT_S),  # noqa: S311  jitter, not a secret
        "ping_interval": PING_INTERVAL_S,
        "max_outstanding_pings": MAX_OUTSTANDING_PINGS,
        "pending_size": PENDING_OUT_BYTES,
        "skip_subject_validation": True,  # ours are made of numbers and checked video ids, and there are many
        "disconnected_cb": lost,
        "reconnected_cb": back,
        "error_cb": failed,
    }
    if settings.nats_ca_file is not None:
        try:
            options["tls"] = ssl.create_default_context(cafile=settings.nats_ca_file)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(f"LIVECOMMENTS_NATS_CA_FILE={settings.nats_ca_file}: {error}") from None
        options["servers"] = [server.replace("nats://", "tls://", 1) for server in options["servers"]]
    password = settings.secret("nats_password_file")
    if password is not None:
        # An inbox under the user's own name: it may hear no other one's (nats/users.conf).
        inbox = f"_INBOX.{settings.nats_user}"
        options |= {"user": settings.nats_user, "password": password, "inbox_prefix": inbox}
    try:
        connected.append(await asyncio.wait_for(nats.connect(**options), START_WAIT_S))
        _end_when_silent(connected[0])
        return connected[0]
    except TimeoutError:
        raise StoreAwayError(f"no NATS server at {settings.nats_url} (LIVECOMMENTS_NATS_URL)") from None


def _end_when_silent(connection: Client) -> None:
    """Let the kernel end a connection on which what was sent is not acknowledged.

    nats-py notices by its pings that a server is silent, and then waits until all that it has written is sent, before
    it connects anew: with more than the kernel takes in that would be when the kernel gives up, a quarter of an hour.
    """
    writer = getattr(connection._transport, "_io_writer", None)  # noqa: SLF001  it gives its socket away nowhere else
    if writer is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
        raw = writer.get_extra_info("socket")
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)


# What else waits for answers on a connection, to be told when it is lost.
_waiting: WeakKeyDictionary[Client, list[Callable[[], None]]] = WeakKeyDictionary()


def _give_up_waiting(connection: Client) -> None:
    """End the wait for answers that were to come on a connection that is lost: they never will."""
    for reply in list(connection._resp_map.values()):  # noqa: SLF001  nats-py itself lets each wait for its whole time
        if not reply.done():
            reply.set_exception(nats.errors.StaleConnectionError())
    for give_up in _waiting.get(connection, ()):
        give_up()


def times_reconnected(connection: Client) -> int:
    """Return how often a connection was made anew: what is the same as before was said on the same one."""
    return connection.stats["reconnects"]


async def close(connection: Client) -> None:
    """Close a connection, whatever state it is in."""
    with contextlib.suppress(Exception):
        await asyncio.wait_for(connection.flush(1), 1.5)
    with contextlib.suppress(Exception):
        await asyncio.wait_for(connection.close(), CONNECT_TIMEOUT_S)


async def api(connection: Client, call: str, request: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return JetStream's answer to `$JS.API.{call}`, as it is, errors included.

    Raises `StoreAwayError` when there is none.
    """
    body = orjson.dumps(request) if request is not None else b""
    reply = await _request(connection, f"$JS.API.{call}", body)
    try:
        answer: dict[str, Any] = orjson.loads(reply.data)
    except ValueError:
        raise StoreAwayError("what answered is not JetStream") from None
    return answer


async def message_at(connection: Client, shard: int, number: int) -> Stored | None:
    """Return the message that a shard's stream holds under a number, None where it holds none. Raises `StoreError`."""
    request = orjson.dumps({"seq": number})
    reply = await _request(connection, f"$JS.API.DIRECT.GET.{subjects.stream_name(shard)}", request)
    status = (reply.headers or {}).get("Status")
    if status is None:
        return stored_message(reply)
    if status == "404":
        return None
    raise StoreAwayError(f"shard {shard}: {status} in a Direct Get")


async def kept(connection: Client, stream: str, wanted: dict[str, Any]) -> Kept | None:
    """Return a message as the stream's leader has it, None where it has none; `{"last_by_subj"}` or `{"seq"}`.

    Raises `StoreAwayError`, `StoreError`.
    """
    answer = await api(connection, f"STREAM.MSG.GET.{stream}", wanted)
    if "error" in answer:
        if answer["error"].get("err_code") == _NO_MESSAGE:
            return None
        raise _error(answer["error"])
    message = answer["message"]
    fields = _fields(b64decode(message["hdrs"])) if "hdrs" in message else {}
    payload = b64decode(message.get("data") or "")
    return Kept(message["seq"], message["subject"], posted_ms(message["time"]), payload, fields.get(headers.KIND))


async def erase(connection: Client, shard: int, number: int) -> None:
    """Take a message off a shard's stream and overwrite it on the disk. One that is gone already is well.

    Raises `StoreAwayError`, `StoreError`.
    """
    stream = subjects.stream_name(shard)
    answer = await api(connection, f"STREAM.MSG.DELETE.{stream}", {"seq": number, "no_erase": False})
    if "error" in answer and answer["error"].get("err_code") not in _NOT_THERE:
        raise _error(answer["error"])


def _fields(head: bytes) -> dict[str, str]:
    """Return the headers of a message as NATS writes them: a line `NATS/1.0`, and a line for each."""
    lines = [line.partition(b":") for line in head.split(b"\r\n")[1:] if line]
    return {name.decode(): value.strip().decode() for name, _, value in lines}


class Publisher:
    """Stores messages in the streams of the shards."""

    def __init__(self, connection: Client) -> None:
        self._connection = connection
        self._batches = 0
        self._batch_prefix = connection.new_inbox().rsplit(".", 1)[1]

    async def one(self, message: Outgoing) -> Ack:
        """Store one message.

        Raises `StoreAwayError` (then it may be stored all the same), `StoreFullError`, `StoreError`.
        """
        reply = await _request(self._connection, message.subject, message.payload, message.headers())
        answer = _checked(reply)
        return Ack(answer["seq"], answer.get("duplicate", False))

    async def batch(self, messages: Sequence[Outgoing]) -> list[Ack]:
        """Store messages of one shard all or not at all, in their order, with one round of fsyncs.

        Raises `AlreadyStoredError`, `StoreFullError`, `StoreError` (then none is stored) and `StoreAwayError` (then
        all or none may be). At most `BATCH_MAX` messages.
        """
        self._batches += 1
        batch_id = f"{self._batch_prefix}-{self._batches}"
        try:
            for position, message in enumerate(messages[:-1], start=1):
                fields = message.headers()
                fields[headers.BATCH_ID] = batch_id
                fields[headers.BATCH_SEQUENCE] = str(position)
                await self._connection.publish(message.subject, message.payload, headers=fields)
        except (nats.errors.Error, OSError) as error:
            raise StoreAwayError(str(error)) from error
        last = messages[-1]
        fields = last.headers()
        fields[headers.BATCH_ID] = batch_id
        fields[headers.BATCH_SEQUENCE] = str(len(messages))
        fields[headers.BATCH_COMMIT] = "1"
        answer = _checked(await _request(self._connection, last.subject, last.payload, fields))
        if answer.get("count") != len(messages):
            raise StoreError(f"a batch of {len(messages)} was acknowledged with a count of {answer.get('count')}")
        first = answer["seq"] - len(messages) + 1
        return [Ack(number, duplicate=False) for number in range(first, answer["seq"] + 1)]


class Reader:
    """Reads the streams of the shards, on a connection of its own so that live messages do not wait behind it."""

    def __init__(self, connection: Client) -> None:
        self._connection = connection
        self._inbox = connection.new_inbox()
        self._asked = 0
        self._waiting: dict[str, _Gathering] = {}

    async def start(self) -> None:
        """Listen for answers; once per reader."""
        _waiting.setdefault(self._connection, []).append(self._give_up)
        await self._connection.subscribe(f"{self._inbox}.*", cb=self._arrived)

    async def after(self, shard: int, video: str, number: int, limit: int) -> tuple[list[Stored], int]:
        """Return up to `limit` messages above `number` in order, and how many more the stream holds after them.

        `video` is a video id, or `*` for all of the shard's. Trimmed messages are missing without a word: ask
        `state` afterwards for the stream's first number. Raises `StoreAwayError`, `StoreError`.
        """
        request = {"seq": number + 1, "batch": limit, "next_by_subj": subjects.comments(shard, video)}
        return await self._direct_get(shard, request)

    async def one(self, shard: int, number: int) -> Stored | None:
        """Return one message, None where there is none. A replica may answer that lags behind its leader."""
        request = orjson.dumps({"seq": number})
        reply = await _request(self._connection, f"$JS.API.DIRECT.GET.{subjects.stream_name(shard)}", request)
        return stored_message(reply) if headers.SEQUENCE in (reply.headers or {}) else None

    async def since(self, shard: int, video: str, since_ms: int, limit: int) -> tuple[list[Stored], int]:
        """Return up to `limit` messages that were stored at a time or later; otherwise as `after`."""
        start = datetime.fromtimestamp(since_ms / 1000, UTC).isoformat(timespec="milliseconds")
        request = {"start_time": start, "batch": limit, "next_by_subj": subjects.comments(shard, video)}
        return await self._direct_get(shard, request)

    async def newest_of(self, shard: int, videos: Sequence[str], above: int = 0) -> dict[str, Stored]:
        """Return the newest message of each of up to `MULTI_LAST_MAX` videos that has one above a number in the stream.

        A replica may answer that lags behind its leader.
        """
        request = {"multi_last": [subjects.comments(shard, video) for video in videos], "batch": len(videos)}
        if above:
            request["seq"] = above + 1
        messages, _ = await self._direct_get(shard, request)
        return {subjects.video_of(message.subject): message for message in messages}

    async def newest(self, shard: int, video: str) -> int | None:
        """Return the newest number of a video as the stream's leader knows it, None if the stream holds none."""
        answer = await api(
            self._connection,
            f"STREAM.MSG.GET.{subjects.stream_name(shard)}",
            {"last_by_subj": subjects.comments(shard, video)},
        )
        if "error" in answer:
            if answer["error"].get("err_code") == _NO_MESSAGE:
                return None
            raise _error(answer["error"])
        number: int = answer["message"]["seq"]
        return number

    async def following(self, shard: int, video: str, number: int) -> int | None:
        """Return the first number of a video above `number` as the stream's leader knows it, None if there is none."""
        answer = await api(
            self._connection,
            f"STREAM.MSG.GET.{subjects.stream_name(shard)}",
            {"seq": number + 1, "next_by_subj": subjects.comments(shard, video)},
        )
        if "error" in answer:
            if answer["error"].get("err_code") == _NO_MESSAGE:
                return None
            raise _error(answer["error"])
        found: int = answer["message"]["seq"]
        return found

    async def newest_of_shard(self, shard: int) -> int:
        """Return the newest number of a shard's stream, 0 when it is empty. A replica may lag behind its leader."""
        request = orjson.dumps({"last_by_subj": subjects.comments(shard, "*")})
        reply = await _request(self._connection, f"$JS.API.DIRECT.GET.{subjects.stream_name(shard)}", request)
        return int((reply.headers or {}).get(headers.SEQUENCE, "0"))

    async def state(self, shard: int) -> StreamState:
        """Return the first and last number of a shard's stream. Raises `StoreAwayError`, `StreamMissingError`."""
        answer = await api(self._connection, f"STREAM.INFO.{subjects.stream_name(shard)}")
        if "error" in answer:
            raise _error(answer["error"])
        state = answer["state"]
        first_ms = posted_ms(state["first_ts"]) if state["messages"] else None
        return StreamState(state["first_seq"], state["last_seq"], state["bytes"], first_ms)

    async def deleted(self, shard: int) -> set[int]:
        """Return the numbers that were deleted from the middle of a shard's stream."""
        answer = await api(self._connection, f"STREAM.INFO.{subjects.stream_name(shard)}", {"deleted_details": True})
        if "error" in answer:
            raise _error(answer["error"])
        return set(answer["state"].get("deleted") or ())

    async def kept_after(self, stream: str, subject: str, number: int, limit: int) -> tuple[list[Stored], int]:
        """Return the same of another stream, of messages under a subject. Raises `StoreAwayError`, `StoreError`."""
        return await self._get(stream, {"seq": number + 1, "batch": limit, "next_by_subj": subject})

    async def _direct_get(self, shard: int, request: dict[str, Any]) -> tuple[list[Stored], int]:
        return await self._get(subjects.stream_name(shard), request)

    async def _get(self, stream: str, request: dict[str, Any]) -> tuple[list[Stored], int]:
        self._asked += 1
        token = str(self._asked)
        gathering = _Gathering(asyncio.get_running_loop().create_future())
        self._waiting[token] = gathering
        try:
            await self._connection.publish(
                f"$JS.API.DIRECT.GET.{stream}",
                orjson.dumps(request),
                reply=f"{self._inbox}.{token}",
            )
            async with asyncio.timeout(DIRECT_GET_TIMEOUT_S):  # not wait_for: see runtime.cancelling
                await gathering.done
        except (TimeoutError, nats.errors.Error, OSError) as error:
            raise StoreAwayError(f"{stream}: {type(error).__name__} in a Direct Get") from error
        finally:
            del self._waiting[token]
        return gathering.messages, gathering.pending

    def _give_up(self) -> None:
        for gathering in list(self._waiting.values()):
            if not gathering.done.done():
                gathering.done.set_exception(nats.errors.StaleConnectionError())

    async def _arrived(self, message: Msg) -> None:
        gathering = self._waiting.get(message.subject.rsplit(".", 1)[1])
        if gathering is not None:
            gathering.add(message)


@dataclass(slots=True)
class _Gathering:
    """The messages of one Direct Get, until the one that ends it."""

    done: asyncio.Future[None]
    messages: list[Stored]
    pending: int

    def __init__(self, done: asyncio.Future[None]) -> None:
        self.done = done
        self.messages = []
        self.pending = 0

    def add(self, message: Msg) -> None:
        fields = message.headers or {}
        status = fields.get("Status")
        if self.done.done():
            return
        if status in (None, "204"):
            # Each message names the one before it in the same answer, and the end names the last one.
            last = self.messages[-1].number if self.messages else 0
            if int(fields.get(headers.LAST_SEQUENCE, "0")) != last:
                self.done.set_exception(StoreAwayError("a part of a Direct Get's answer was lost"))
                return
        if status is None:
            self.messages.append(stored_message(message))
            return
        if status in ("204", "404"):
            self.pending = int(fields.get(headers.PENDING, "0"))
            self.done.set_result(None)
        elif status == "503":
            self.done.set_exception(nats.errors.NoRespondersError())
        else:
            self.done.set_exception(StoreError(f"Direct Get: {status} {fields.get('Description', '')}"))


def stored_message(message: Msg) -> Stored:
    """Return a message that came by Direct Get or as a live copy. Raises `KeyError`, `ValueError` for anything else."""
    fields = message.headers or {}
    return Stored(
        number=int(fields[headers.SEQUENCE]),
        subject=fields[headers.SUBJECT],
        posted_ms=posted_ms(fields[headers.TIMESTAMP]),
        payload=message.data,
        headers=fields,
    )


async def _request(connection: Client, subject: str, body: bytes, fields: dict[str, str] | None = None) -> Msg:
    try:
        return await connection.request(subject, body, timeout=REQUEST_TIMEOUT_S, headers=fields)
    except (nats.errors.Error, OSError) as error:
        raise StoreAwayError(f"{type(error).__name__} on {subject}") from error


def _checked(reply: Msg) -> dict[str, Any]:
    answer: dict[str, Any] = orjson.loads(reply.data)
    if "error" in answer:
        raise _error(answer["error"])
    return answer


def _error(error: dict[str, Any]) -> StoreError:
    code, text = error.get("err_code"), f"{error.get('description')} ({error.get('err_code')})"
    if code in _ALREADY_STORED:
        return AlreadyStoredError(text)
    if code in _STREAM_FULL:
        return StoreFullError(text)
    if code == _NO_STREAM:
        return StreamMissingError(text)
    if code in _NOT_THE_LAST:
        return OvertakenError(text)
    if error.get("code") == 503:
        return StoreAwayError(text)
    return StoreError(text)
