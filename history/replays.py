"""Answers to edges, over NATS: the part of a replay that JetStream no longer keeps.

Request, on `history.S`: `{"video", "after", "upto", "limit"}`, for the newest `limit` messages with
after < number <= upto. Reply: `{"through", "more", "comments": [[number, posted_ms, kind, user_id, message, name,
role], …]}`, oldest first; `through` says how far the shard was archived when they were read, `more` whether there are
older ones above `after`. A removed comment has no user and no text, and `"deletedBy": {number: number}` says which
message removed it. What a control message says, as JSON, stands in the place of its text. Or `{"error": "unavailable" |
"bad_request"}`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import nats.errors
import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg

from history.archive import Archive
from history.metrics import REPLAYS
from history.row import Row
from runtime.logs import get_logger
from runtime.postgres import ArchiveAwayError
from wire import subjects
from wire.number import MAX_NUMBER
from wire.problem import Refused
from wire.video import check_video, shard_of

QUEUE: Final = "history"
MAX_ROWS: Final = 1_000  # in one reply
MAX_REPLY_BYTES: Final = 700_000  # of them; a NATS server takes messages of 1 MB
MAX_AT_ONCE: Final = 4  # replays that read from Postgres; pages have the rest of the pool
MAX_WAITING: Final = 64  # replays that wait for their turn; an edge asks again

UNAVAILABLE: Final = b'{"error":"unavailable"}'
BAD_REQUEST: Final = b'{"error":"bad_request"}'

_log = get_logger("history")


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """The newest `limit` messages of a video with `after` < number <= `upto`."""

    video: str
    after: int
    upto: int
    limit: int


class ReplayAnswers:
    """Answers edges. Each request goes to one of the histories."""

    def __init__(self, archive: Archive, shards: int) -> None:
        self._archive = archive
        self._shards = shards
        self._turns = asyncio.Semaphore(MAX_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, connection: Client) -> None:
        """Listen."""
        for shard in range(self._shards):
            await connection.subscribe(subjects.history(shard), queue=QUEUE, cb=self._heard)

    async def stop(self) -> None:
        """Drop what is under way: the edge asks another history."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1)

    async def _heard(self, message: Msg) -> None:
        if len(self._tasks) >= MAX_AT_ONCE + MAX_WAITING:
            await _respond(message, UNAVAILABLE)
            return
        task = asyncio.create_task(self._serve(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, message: Msg) -> None:
        try:
            async with self._turns:
                await _respond(message, await self._answer(message))
        except Exception:  # noqa: BLE001  an edge must hear something rather than wait
            _log.exception("replay failed")
            await _respond(message, UNAVAILABLE)

    async def _answer(self, message: Msg) -> bytes:
        shard = int(message.subject.rsplit(".", 1)[1])
        try:
            asked = parse_replay_request(message.data, shard, self._shards)
        except ValueError as error:
            _log.warning("a request makes no sense", subject=message.subject, reason=str(error))
            return BAD_REQUEST
        try:
            rows = await self._archive.replay(shard, asked.video, asked.after, asked.upto, asked.limit + 1)
        except ArchiveAwayError:
            return UNAVAILABLE
        return reply_body(rows, asked.limit) if rows else UNAVAILABLE


def parse_replay_request(data: bytes, shard: int, shards: int) -> ReplayRequest:
    """Return what an edge asks of a shard, its limit cut to `MAX_ROWS`. Raises `ValueError`."""
    document = orjson.loads(data)
    try:
        video, *numbers = (document[name] for name in ("video", "after", "upto", "limit"))
        belongs = shard_of(check_video(video), shards)
    except (KeyError, TypeError, IndexError, Refused):
        raise ValueError("not a request for a part of a video") from None
    if belongs != shard:
        raise ValueError("another shard's video")
    after, upto, limit = (number if type(number) is int else -1 for number in numbers)
    if not (0 <= after <= MAX_NUMBER and 0 <= upto <= MAX_NUMBER and limit >= 1):
        raise ValueError("not numbers")
    return ReplayRequest(video, after, upto, min(limit, MAX_ROWS))


def reply_body(rows: Sequence[Row], limit: int) -> bytes:
    """Return the reply for rows that are newest first: the newest that fit, oldest first."""
    found = [row for row in rows if row["comment_id"] is not None]
    pieces: list[bytes] = []
    removed: dict[str, int] = {}
    size = 0
    for row in found[:limit]:
        piece = orjson.dumps([row[name] for name in _COLUMNS])
        size += len(piece) + 1
        if size > MAX_REPLY_BYTES:
            break
        pieces.append(piece)
        if row["removed_by"] is not None:
            removed[str(row["comment_id"])] = row["removed_by"]
    more = b"true" if len(pieces) < len(found) else b"false"
    by = b',"deletedBy":%b' % orjson.dumps(removed) if removed else b""
    comments = b",".join(reversed(pieces))
    return b'{"through":%d,"more":%b,"comments":[%b]%b}' % (rows[0]["through"], more, comments, by)


_COLUMNS: Final = ("comment_id", "posted_ms", "kind", "user_id", "message", "name", "role")


async def _respond(message: Msg, body: bytes) -> None:
    REPLAYS.labels({UNAVAILABLE: "unavailable", BAD_REQUEST: "bad_request"}.get(body, "answered")).inc()
    with contextlib.suppress(nats.errors.Error):  # nobody waits, or NATS is away: the edge asks again
        await message.respond(body)
