"""What history has of videos, asked over NATS: the part of a replay that JetStream no longer keeps.

It answers with the newest of what was asked for, and with how far the archive was in the snapshot that it was read in.
Where it does not answer it is asked again, a few times; after that nobody waits for it in vain for a moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import nats.errors
import orjson
from nats.aio.client import Client

from edge.messages import Message, Part
from runtime.logs import get_logger
from wire import subjects
from wire.comment import COMMENT_KIND, encode_payload
from wire.number import MAX_NUMBER

PAGE: Final = 1_000
TIMEOUT_S: Final = 5.0
PAUSES_S: Final = (0.2, 0.5)  # before it is asked again: it may be busy, or another one takes over
REST_S: Final = 2.0  # for which it is not asked at all once it was away: nobody should wait in vain
LIVE_PATIENCE_S: Final = 10.0  # … but for a gap in live, which cannot be had later: it is asked for so long
LIVE_PAUSE_S: Final = 0.5
NEWEST_TIMEOUT_S: Final = 1.0  # a video is opened without history rather than late

_log = get_logger("edge")


class HistoryAwayError(Exception):
    """History did not answer, or cannot reach its database."""


@dataclass(frozen=True, slots=True)
class _Archived:
    """An answer: messages in order, how far the shard was archived, and whether there are older ones."""

    messages: list[Message]
    through: int
    more: bool  # below the oldest of them

    def part(self, after: int, upto: int, following: int) -> Part:
        """Return it as the piece between two numbers."""
        if not self.more:
            return Part(self.messages, upto, None, following)
        missing = (after + 1, self.messages[0].number - 1 if self.messages else upto)
        return Part(self.messages, upto, missing, following, is_too_deep=True)


class Archive:
    """Asks history."""

    def __init__(self, connection: Client, pauses_s: Sequence[float], live_patience_s: float) -> None:
        self._connection = connection
        self._pauses_s = pauses_s
        self._live_patience_s = live_patience_s
        self._loop = asyncio.get_running_loop()
        self._rests_until = 0.0

    async def newest(self, shard: int, video: str) -> tuple[int, int]:
        """Return a video's newest number, 0 for none, and up to which number its shard was archived.

        Raises `HistoryAwayError`.
        """
        archived = await self._ask_once(shard, video, 0, MAX_NUMBER, 1, NEWEST_TIMEOUT_S)
        return (archived.messages[-1].number if archived.messages else 0), archived.through

    async def since(self, shard: int, video: str, upto: int, since_ms: int, limit: int) -> dict[int, int]:
        """Return when messages up to a number were stored, by number, of those that were at `since_ms` or later.

        About the newest `limit` of them. Raises `HistoryAwayError`.
        """
        archived: dict[int, int] = {}
        page = await self._ask(shard, video, 0, upto, PAGE)
        while True:
            archived |= {one.number: one.posted_ms for one in page.messages if one.posted_ms >= since_ms}
            if not page.more or not page.messages or page.messages[0].posted_ms < since_ms or len(archived) >= limit:
                return archived
            page = await self._ask(shard, video, 0, page.messages[0].number - 1, PAGE)

    async def parts(
        self, shard: int, video: str, after: int, upto: int, limit: int, kept: int
    ) -> AsyncGenerator[Part, None]:
        """Yield what is archived with `after` < number <= `upto`, oldest first: all, or the newest `limit`.

        `kept` messages follow, which the stream keeps.

        History is read downward. Where there is more than a page, a first pass finds out where the pages end, and a
        second one fetches them again from the oldest on: so no more than one is held.
        """
        number = after
        try:
            if limit > 0:
                page = await self._ask(shard, video, after, upto, min(limit, PAGE))
                ends = [(max(after, min(upto, page.through)), kept)]  # each with how many messages follow
                limit -= len(page.messages)
                while page.more and page.messages and limit > 0:
                    ends.append((page.messages[0].number - 1, ends[-1][1] + len(page.messages)))
                    page = await self._ask(shard, video, after, ends[-1][0], min(limit, PAGE))
                    limit -= len(page.messages)
                part = page.part(after, *ends.pop())
                number = part.upto
                yield part
                while ends:
                    page = await self._ask(shard, video, number, ends[-1][0], PAGE)
                    part = page.part(number, *ends.pop())
                    number = part.upto
                    yield part
        except HistoryAwayError as error:
            _log.warning("replay incomplete: history is away", video=video, reason=str(error))
        if number < upto:
            yield Part((), upto, (number + 1, upto))

    async def wait(self, shard: int, video: str) -> None:
        """Wait until history answers, for as long as a gap in live may take; does not fail where it does not."""
        give_up_at = self._loop.time() + self._live_patience_s
        while self._loop.time() < give_up_at:
            try:
                await self._ask_once(shard, video, 0, MAX_NUMBER, 1, TIMEOUT_S)
            except HistoryAwayError:
                await asyncio.sleep(LIVE_PAUSE_S)
            else:
                self._rests_until = 0.0
                return

    async def _ask(self, shard: int, video: str, after: int, upto: int, limit: int) -> _Archived:
        if self._loop.time() < self._rests_until:
            raise HistoryAwayError("it was away a moment ago")
        pauses_s = iter(self._pauses_s)
        while True:
            try:
                return await self._ask_once(shard, video, after, upto, limit, TIMEOUT_S)
            except HistoryAwayError as error:
                pause_s = next(pauses_s, None)
                if pause_s is None or isinstance(error.__cause__, TimeoutError):
                    self._rests_until = self._loop.time() + REST_S
                    raise
            await asyncio.sleep(pause_s)

    async def _ask_once(self, shard: int, video: str, after: int, upto: int, limit: int, timeout_s: float) -> _Archived:
        request = orjson.dumps({"video": video, "after": after, "upto": upto, "limit": limit})
        try:
            reply = await self._connection.request(subjects.history(shard), request, timeout=timeout_s)
            answer: dict[str, Any] = orjson.loads(reply.data)
            if "error" in answer:
                raise HistoryAwayError(answer["error"])
            return _Archived([_archived_message(row) for row in answer["comments"]], answer["through"], answer["more"])
        except (nats.errors.Error, OSError) as error:
            raise HistoryAwayError(type(error).__name__) from error
        except (ValueError, KeyError, TypeError) as error:
            raise HistoryAwayError("its answer makes no sense") from error


def _archived_message(row: list[Any]) -> Message:
    number, posted_ms, kind, user_id, message, name, role = row
    if kind != COMMENT_KIND:
        return Message(number, kind, posted_ms, message.encode() if message is not None else b"")
    if user_id is None:
        return Message(number, "deleted", posted_ms, b"")
    return Message(number, None, posted_ms, encode_payload(user_id, message, name, role))
