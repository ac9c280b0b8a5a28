"""The part of a video between two numbers, out of JetStream or, where that no longer keeps it, history.

A part read from JetStream is whole when the stream's first number, asked for *afterwards*, is not above where the part
begins; otherwise messages may have been trimmed under the reader, without a word, and history is asked instead. Its
answer says how far it was archived in the same snapshot; what lies above that is read from JetStream again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import nats.errors
import orjson
from nats.aio.client import Client

from edge.frames import frame
from edge.metrics import REPLAYS
from runtime.jetstream import Reader
from runtime.logs import get_logger
from wire import subjects
from wire.comment import COMMENT_KIND, encode_payload, ordinary_author
from wire.number import MAX_NUMBER
from wire.sampling import Sampler

MAX_DEPTH: Final = 10_000  # comments in one replay
READ_BATCH: Final = 500  # messages in one Direct Get: small, so that live copies do not wait behind them
HISTORY_PAGE: Final = 1_000
HISTORY_TIMEOUT_S: Final = 5.0

_log = get_logger("edge")


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a video, wherever it came from."""

    number: int
    kind: str | None
    posted_ms: int
    payload: bytes

    def frame(self) -> bytes:
        """Return it as the bytes that viewers get."""
        return frame(self.number, self.kind, self.posted_ms, self.payload)

    def hidden_author(self, sampler: Sampler) -> str | None:
        """Count the message, and return its author when it is left out of the sample; None when it is shown to all."""
        if self.kind is not None or sampler.shows(self.number, self.posted_ms):
            return None
        return ordinary_author(self.payload)


@dataclass(frozen=True, slots=True)
class Part:
    """Messages in order. `missing` is the range of numbers (both inclusive) that could not be had, if any."""

    messages: Sequence[Message]
    missing: tuple[int, int] | None = None


class HistoryAwayError(Exception):
    """History did not answer, or cannot reach its database."""


@dataclass(frozen=True, slots=True)
class _Archived:
    messages: list[Message]
    through: int
    more: bool  # below the oldest of them


class Replays:
    """Reads parts of videos, on a connection of its own."""

    def __init__(self, connection: Client, reader: Reader) -> None:
        self._connection = connection
        self._reader = reader

    async def newest(self, shard: int, video: str) -> int | None:
        """Return the newest number of a video that the stream's leader or history knows; 0 if it has no comments.

        None when the stream holds nothing of the video and history cannot be asked. Raises `StoreAwayError`.
        """
        newest = await self._reader.newest(shard, video)
        if newest is not None:
            return newest
        try:
            archived = await self._ask_history(shard, video, 0, MAX_NUMBER, 1)
        except HistoryAwayError:
            return None
        return archived.messages[-1].number if archived.messages else 0

    async def part(self, shard: int, video: str, after: int, upto: int, limit: int = MAX_DEPTH) -> Part:
        """Return the messages with `after` < number <= `upto`: all, or the newest `limit` with the rest as `missing`.

        Raises `StoreAwayError`.
        """
        kept, more = await self._from_stream(shard, video, after, upto, limit)
        first = (await self._reader.state(shard)).first
        if not more and first <= after + 1:
            REPLAYS.labels("stream").inc()
            return Part(kept)
        try:
            archived = await self._from_history(shard, video, after, upto, limit)
        except HistoryAwayError as error:
            _log.warning("replay incomplete: history is away", video=video, reason=str(error))
            if more:
                # More than the limit, read from its old end: useless without the rest of the way to live.
                return Part([], (after + 1, upto))
            return Part(kept, (after + 1, first - 1))
        REPLAYS.labels("history").inc()
        return await self._with_tail(shard, video, after, upto, limit, archived)

    async def latest(self, shard: int, video: str, limit: int) -> Part:
        """Return the newest `limit` messages of a video. Raises `StoreAwayError`, `HistoryAwayError`."""
        archived = await self._from_history(shard, video, 0, MAX_NUMBER, limit)
        return await self._with_tail(shard, video, 0, MAX_NUMBER, limit, archived)

    async def _with_tail(self, shard: int, video: str, after: int, upto: int, limit: int, archived: _Archived) -> Part:
        """Return what history had, and after it what has been stored since."""
        begin = max(after, archived.through)
        tail: list[Message] = []
        lost: tuple[int, int] | None = None
        if begin < upto:
            tail, more = await self._from_stream(shard, video, begin, upto, limit)
            first = (await self._reader.state(shard)).first
            if first > begin + 1:
                # Only when history lags behind what was trimmed, as a replica may.
                lost = (begin + 1, min(first - 1, upto))
            elif more:
                lost = (tail[-1].number + 1, upto)
        messages = [*archived.messages, *tail]
        if archived.more or len(messages) > limit:
            messages = messages[-limit:]
            lost = (after + 1, lost[1] if lost else messages[0].number - 1)
        return Part(messages, lost)

    async def _from_stream(
        self, shard: int, video: str, after: int, upto: int, limit: int
    ) -> tuple[list[Message], bool]:
        """Return up to `limit` messages, oldest first, and whether there are more up to `upto`."""
        messages: list[Message] = []
        while after < upto:
            batch, pending = await self._reader.after(shard, video, after, READ_BATCH)
            for stored in batch:
                if stored.number > upto:
                    return messages, False
                if len(messages) == limit:
                    return messages, True
                messages.append(Message(stored.number, stored.kind, stored.posted_ms, stored.payload))
                after = stored.number
            if not batch or pending == 0:
                break
        return messages, False

    async def _from_history(self, shard: int, video: str, after: int, upto: int, limit: int) -> _Archived:
        """Return the newest `limit` messages that are archived, read downward page by page."""
        pages: list[list[Message]] = []
        through, more, left, below = 0, True, limit, upto
        while more and left > 0 and below > after:
            page = await self._ask_history(shard, video, after, below, min(left, HISTORY_PAGE))
            if not pages:
                through = page.through  # of the newest page: what is above it must be read from the stream
            pages.append(page.messages)
            left -= len(page.messages)
            more = page.more and bool(page.messages)
            if page.messages:
                below = page.messages[0].number - 1
        return _Archived([message for page in reversed(pages) for message in page], through, more)

    async def _ask_history(self, shard: int, video: str, after: int, upto: int, limit: int) -> _Archived:
        request = orjson.dumps({"video": video, "after": after, "upto": upto, "limit": limit})
        try:
            reply = await self._connection.request(subjects.history(shard), request, timeout=HISTORY_TIMEOUT_S)
        except (nats.errors.Error, OSError) as error:
            raise HistoryAwayError(type(error).__name__) from error
        answer: dict[str, Any] = orjson.loads(reply.data)
        if "error" in answer:
            raise HistoryAwayError(answer["error"])
        return _Archived([_archived_message(row) for row in answer["comments"]], answer["through"], answer["more"])


def _archived_message(row: list[Any]) -> Message:
    number, posted_ms, kind, user_id, message, name, role = row
    if kind != COMMENT_KIND or user_id is None:
        return Message(number, kind if kind != COMMENT_KIND else "deleted", posted_ms, b"")
    return Message(number, None, posted_ms, encode_payload(user_id, message, name, role))
