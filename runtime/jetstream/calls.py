"""Calls of JetStream's API, one question and one answer each."""

from __future__ import annotations

from base64 import b64decode
from typing import Any, Final

import nats.errors
import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg

from runtime.jetstream.errors import DELETE_FAILED, NO_MESSAGE, NOT_THERE, StoreAwayError, error_of
from runtime.jetstream.messages import Kept, Stored, stored_message
from wire import headers, subjects
from wire.comment import posted_ms

REQUEST_TIMEOUT_S: Final = 2.0


async def api(connection: Client, call: str, wanted: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return JetStream's answer to `$JS.API.{call}`, as it is, errors included.

    Raises `StoreAwayError` when there is none.
    """
    body = orjson.dumps(wanted) if wanted is not None else b""
    reply = await request(connection, f"$JS.API.{call}", body)
    try:
        answer: dict[str, Any] = orjson.loads(reply.data)
    except ValueError:
        raise StoreAwayError("what answered is not JetStream") from None
    return answer


async def message_at(connection: Client, shard: int, number: int) -> Stored | None:
    """Return the message that a shard's stream holds under a number, None where it holds none. Raises `StoreError`."""
    wanted = orjson.dumps({"seq": number})
    reply = await request(connection, f"$JS.API.DIRECT.GET.{subjects.stream_name(shard)}", wanted)
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
        if answer["error"].get("err_code") == NO_MESSAGE:
            return None
        raise error_of(answer["error"])
    message = answer["message"]
    fields = _fields(b64decode(message["hdrs"])) if "hdrs" in message else {}
    payload = b64decode(message.get("data") or "")
    posted = posted_ms(message["time"])
    return Kept(message["seq"], message["subject"], posted, payload, fields.get(headers.KIND), fields)


async def erase(connection: Client, shard: int, number: int) -> None:
    """Take a message off a shard's stream and overwrite it on the disk. One that is gone already is well.

    Raises `StoreAwayError`, `StoreError`.
    """
    stream = subjects.stream_name(shard)
    answer = await api(connection, f"STREAM.MSG.DELETE.{stream}", {"seq": number, "no_erase": False})
    if "error" not in answer or answer["error"].get("err_code") in NOT_THERE:
        return
    if answer["error"].get("err_code") == DELETE_FAILED and await kept(connection, stream, {"seq": number}) is None:
        return
    raise error_of(answer["error"])


def _fields(head: bytes) -> dict[str, str]:
    """Return the headers of a message as NATS writes them: a line `NATS/1.0`, and a line for each."""
    lines = [line.partition(b":") for line in head.split(b"\r\n")[1:] if line]
    return {name.decode(): value.strip().decode() for name, _, value in lines}


async def request(connection: Client, subject: str, body: bytes, fields: dict[str, str] | None = None) -> Msg:
    """Return the answer to a request. Raises `StoreAwayError` when there is none."""
    try:
        return await connection.request(subject, body, timeout=REQUEST_TIMEOUT_S, headers=fields)
    except (nats.errors.Error, OSError) as error:
        raise StoreAwayError(f"{type(error).__name__} on {subject}") from error


def checked(reply: Msg) -> dict[str, Any]:
    """Return what JetStream answers. Raises `StoreError` for an error."""
    answer: dict[str, Any] = orjson.loads(reply.data)
    if "error" in answer:
        raise error_of(answer["error"])
    return answer
