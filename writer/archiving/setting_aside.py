"""Sets aside what Postgres cannot hold: kept as it came, for a person to look at, and out of everybody's way."""

from __future__ import annotations

import contextlib
from typing import Final

from nats.aio.client import Client

from runtime import jetstream
from runtime.jetstream import Outgoing, Publisher, Stored, StoreError
from wire import headers, subjects
from wire.mark import decode_number

NUMBER: Final = "Livecomments-Number"  # the number that the message had
SUBJECT: Final = "Livecomments-Subject"
TIMESTAMP: Final = "Livecomments-Time-Stamp"
MESSAGE_ID: Final = "Livecomments-Msg-Id"

_RENAMED: Final = {
    headers.SEQUENCE: NUMBER,
    headers.SUBJECT: SUBJECT,
    headers.TIMESTAMP: TIMESTAMP,
    headers.MESSAGE_ID: MESSAGE_ID,
}


async def set_aside(publisher: Publisher, shard: int, stored: Stored, *, collided: bool = False) -> None:
    """Keep a message in the stream `setaside`, once, however often it is tried. Raises `StoreError`.

    `collided`: its number stands for something else, which may have been set aside as well.
    """
    await publisher.one(
        Outgoing(
            subject=subjects.set_aside(shard),
            payload=stored.payload,
            message_id=f"{shard}-{stored.number}" + (f"-{stored.posted_ms}" if collided else ""),
            further=further_headers(stored.headers),
        )
    )


async def numbers_set_aside(connection: Client, shard: int, limit: int) -> list[int]:
    """Return which of a shard's numbers are among the last `limit` messages that were set aside, of any shard.

    Raises `StoreError`.
    """
    stream, found = subjects.SET_ASIDE_STREAM, list[int]()
    answer = await jetstream.api(connection, f"STREAM.INFO.{stream}")
    if "error" in answer:
        raise StoreError(f"{stream}: {answer['error'].get('description')}")
    place = max(1, int(answer["state"]["first_seq"]), int(answer["state"]["last_seq"]) - limit + 1)
    while True:
        wanted = {"seq": place, "next_by_subj": subjects.set_aside(shard)}
        kept = await jetstream.kept(connection, stream, wanted)
        if kept is None:
            return found
        with contextlib.suppress(ValueError):  # not one of ours
            found.append(decode_number(kept.headers.get(NUMBER, "").encode()))
        place = kept.number + 1


def further_headers(fields: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """Return a stored message's headers as it keeps them when it is stored again. Pure.

    What JetStream would take as an order (`Nats-…`) is renamed where it tells something, and dropped where not.
    """
    return tuple(
        (_RENAMED.get(name, name), value)
        for name, value in fields.items()
        if name in _RENAMED or not name.startswith("Nats-")
    )
