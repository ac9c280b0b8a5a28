"""The part of a video between two numbers, out of JetStream or, where that no longer keeps it, history.

It is read in pieces, oldest first, so that a deep replay takes no more memory than a shallow one. A piece read from
JetStream is whole when

- it reaches the number asked for, or the stream's leader knows of nothing more up to there: a replica may lag; and
- the stream's first number, asked for *afterwards*, is not above where the piece begins: otherwise messages may have
  been trimmed under the reader, without a word, and history is asked instead.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import nats.errors
import orjson
from nats.aio.client import Client

from edge.frames import frame
from edge.metrics import REPLAYS
from runtime.jetstream import Reader, StoreAwayError
from runtime.logs import get_logger
from wire import subjects
from wire.comment import COMMENT_KIND, encode_payload
from wire.number import MAX_NUMBER
from wire.sampling import Sampler

MAX_DEPTH: Final = 10_000  # comments in one replay
READ_BATCH: Final = 500  # messages in one Direct Get: small, so that live copies do not wait behind them
HISTORY_PAGE: Final = 1_000
HISTORY_TIMEOUT_S: Final = 5.0
HISTORY_PAUSES_S: Final = (0.2, 0.5)  # before it is asked again: it may be busy, or another one takes over
HISTORY_REST_S: Final = 2.0  # for which it is not asked at all once it was away: nobody should wait in vain
LIVE_PATIENCE_S: Final = 10.0  # … but for a gap in live, which cannot be had later: it is asked for so long
LIVE_PAUSE_S: Final = 0.5
NEWEST_TIMEOUT_S: Final = 1.0  # a video is opened without history rather than late
SLACK: Final = 0.005  # of the depth allowed is not worth searching for
WIDEN: Final = 4

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
        return sampler.hidden_author(self.number, self.kind, self.posted_ms, self.payload)


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a video: what there is from where the last piece ended up to, and with, the number `upto`, in order.

    `missing` is the range of numbers (both inclusive) at the piece's beginning that could not be had, if any.
    `following` is how many messages there are after it, or a few more; None where that is not known.
    `is_too_deep`: that range goes beyond the depth allowed.
    """

    messages: Sequence[Message]
    upto: int
    missing: tuple[int, int] | None = None
    following: int | None = None
    is_too_deep: bool = False


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest messages of a video, of any kind, up to the number `newest` (0: it has none).

    `more`: there may be older ones.
    """

    messages: Sequence[Message]
    newest: int
    more: bool


class HistoryAwayError(Exception):
    """History did not answer, or cannot reach its database."""


@dataclass(frozen=True, slots=True)
class _Archived:
    messages: list[Message]
    through: int
    more: bool  # below the oldest of them

    def part(self, after: int, upto: int, following: int) -> Part:
        """Return it as the piece between two numbers."""
        if not self.more:
            return Part(self.messages, upto, None, following)
        missing = (after + 1, self.messages[0].number - 1 if self.messages else upto)
        return Part(self.messages, upto, missing, following, is_too_deep=True)


class Replays:
    """Reads parts of videos, on a connection of its own."""

    def __init__(
        self,
        connection: Client,
        reader: Reader,
        history_pauses_s: Sequence[float] = HISTORY_PAUSES_S,
        live_patience_s: float = LIVE_PATIENCE_S,
    ) -> None:
        self._connection = connection
        self._pauses_s = history_pauses_s
        self._live_patience_s = live_patience_s
        self._reader = reader
        self._loop = asyncio.get_running_loop()
        self._history_rests_until = 0.0

    async def newest(self, shard: int, video: str) -> int:
        """Return a number above which nothing of the video was stored before now.

        That is the video's newest as the stream's leader or history knows it, and 0 if it has none. Where the stream no
        longer keeps it and history cannot say, it is the last number that the stream has trimmed. Raises `StoreError`.
        """
        newest = await self._reader.newest(shard, video)
        if newest is not None:
            return newest
        trimmed = (await self._reader.state(shard)).first - 1
        try:
            archived = await self._ask_history_once(shard, video, 0, MAX_NUMBER, 1, NEWEST_TIMEOUT_S)
        except HistoryAwayError as error:
            _log.warning("the newest number is not known: history is away", video=video, reason=str(error))
            return trimmed
        if archived.through < trimmed:
            return trimmed  # history lags behind what was trimmed, as a replica may
        return archived.messages[-1].number if archived.messages else 0

    async def parts(
        self, shard: int, video: str, after: int, upto: int, limit: int = MAX_DEPTH, *, is_live: bool = False
    ) -> AsyncGenerator[Part, None]:
        """Yield what there is with `after` < number <= `upto`, oldest first: all, or the newest `limit` or a few less.

        With `is_live` it is a gap in live, for which history is waited for if it has to be.
        What cannot be had, and what is too deep, is `missing` in its place. Raises `StoreError`; then the pieces before
        it are good.
        """
        number, left = after, limit
        depth_is_known = False
        sources: set[str] = set()
        while number < upto:
            messages, reached, pending = await self._read(shard, video, number, upto)
            first = (await self._reader.state(shard)).first
            begin = max(number, first - 1)  # from here on the stream has it all
            if len(messages) + pending > left and begin < upto and not depth_is_known:
                depth_is_known = True
                newest_begin = await self._begin_of_newest(shard, video, begin, upto, left)
                if newest_begin > begin:
                    yield Part((), newest_begin, (number + 1, newest_begin), left, is_too_deep=True)
                    number = newest_begin
                    continue
            if begin == number:
                self._note_source("stream", sources)
                left -= len(messages)
                number = reached
                yield Part(messages, reached, None, pending)
                continue
            self._note_source("history", sources)
            end = min(begin, upto)
            kept = await self._count(shard, video, end, upto)
            if is_live:
                await self._wait_for_history(shard, video)
            async for part in self._archived(shard, video, number, end, left - kept, kept):
                left -= len(part.messages)
                yield part
            number = end

    def _note_source(self, source: str, sources: set[str]) -> None:
        if source not in sources:
            sources.add(source)
            REPLAYS.labels(source).inc()

    async def latest(self, shard: int, video: str, limit: int) -> Latest:
        """Return the newest `limit` messages of a video, or those of them that the stream keeps.

        Raises `StoreError`, and `HistoryAwayError` when the stream keeps none of them.
        """
        messages: list[Message] = []
        missing = None
        newest = await self.newest(shard, video)
        async for part in self.parts(shard, video, 0, newest, limit):
            messages += part.messages
            missing = part.missing or missing
        if missing is not None and not messages:
            raise HistoryAwayError("the stream keeps nothing of the video")
        return Latest(messages, newest, more=missing is not None)

    async def stored_at(self, shard: int, video: str, number: int) -> int | None:
        """Return when a video's newest message was stored, in milliseconds; None where the stream has trimmed it.

        Raises `StoreError`, also when it is not there and others follow it: then it is the newest no more.
        """
        batch, _ = await self._reader.after(shard, video, number - 1, 1)
        if batch and batch[0].number == number:
            return batch[0].posted_ms
        # Who answered may be a replica that lags behind. Two edges must not choose another sample for that.
        held = await self._reader.held(shard, number)
        if held is not None and subjects.video_of(held.subject) == video:
            return held.posted_ms
        if await self._reader.following(shard, video, number) is not None:
            raise StoreAwayError(f"shard {shard}: {number} is not the newest any more")
        return None

    async def one(self, shard: int, video: str, number: int) -> Message:
        """Return one message that the stream holds. Raises `StoreError`."""
        stored = await self._reader.one(shard, number)
        if stored is None or subjects.video_of(stored.subject) != video:
            raise StoreAwayError(f"shard {shard}: {number} is not there, or a replica lags behind its leader")
        return Message(stored.number, stored.kind, stored.posted_ms, stored.payload)

    async def times(self, shard: int, video: str, upto: int, since_ms: int, limit: int) -> list[int]:
        """Return when the messages up to a number were stored, oldest first, of those that were at `since_ms` or later.

        What is at `upto`, or follows it, was stored at `since_ms` or later. At most about `limit` of them, and fewer
        where history, which has what was trimmed, is away. Raises `StoreError`, also where all who answer lag behind
        the leader: every edge has to count the same.
        """
        stored = await self._stored_since(shard, video, upto, since_ms, limit)
        state = await self._reader.state(shard)
        if state.first_ms is None or state.first_ms >= since_ms:
            with contextlib.suppress(HistoryAwayError):
                stored |= await self._archived_since(shard, video, min(upto, state.first - 1), since_ms, limit)
        return [stored[number] for number in sorted(stored)]

    async def _stored_since(self, shard: int, video: str, upto: int, since_ms: int, limit: int) -> dict[int, int]:
        """Return the same of what the stream keeps, by number."""
        batch, _ = await self._reader.since(shard, video, since_ms, READ_BATCH)
        if not batch and await self._reader.following(shard, video, upto - 1) is not None:
            raise StoreAwayError(f"shard {shard}: a replica lags behind its leader")
        stored = {one.number: one.posted_ms for one in batch if one.number <= upto}
        reached = batch[-1].number if batch else upto
        while reached < upto and len(stored) < limit:
            messages, reached, _ = await self._read(shard, video, reached, upto)
            stored |= {one.number: one.posted_ms for one in messages}
        return stored

    async def _archived_since(self, shard: int, video: str, upto: int, since_ms: int, limit: int) -> dict[int, int]:
        archived: dict[int, int] = {}
        page = await self._ask_history(shard, video, 0, upto, HISTORY_PAGE)
        while True:
            archived |= {one.number: one.posted_ms for one in page.messages if one.posted_ms >= since_ms}
            if not page.more or not page.messages or page.messages[0].posted_ms < since_ms or len(archived) >= limit:
                return archived
            page = await self._ask_history(shard, video, 0, page.messages[0].number - 1, HISTORY_PAGE)

    async def _read(self, shard: int, video: str, after: int, upto: int) -> tuple[list[Message], int, int]:
        """Return the stream's next messages, the number up to which they are all, and how many come after them.

        Raises `StoreError`.
        """
        batch, pending = await self._reader.after(shard, video, after, READ_BATCH)
        messages = [Message(one.number, one.kind, one.posted_ms, one.payload) for one in batch if one.number <= upto]
        last = messages[-1].number if messages else after
        if last == upto or len(messages) < len(batch):
            return messages, upto, pending + len(batch) - len(messages)
        if pending == 0:
            # Who answered knows of nothing more up to there, and may be a replica that lags behind.
            following = await self._reader.following(shard, video, last)
            if following is None or following > upto:
                return messages, upto, 0
            if not messages:
                raise StoreAwayError(f"shard {shard}: a replica lags behind its leader")
        return messages, last, pending

    async def _begin_of_newest(self, shard: int, video: str, after: int, upto: int, limit: int) -> int:
        """Return a number, at least `after`, above which the stream holds at most `limit` messages up to `upto`.

        JetStream tells how many messages there are above a number, and not which is the n-th: so the place is looked
        for, in steps that widen, and then by bisection.
        """
        beyond = await self._above(shard, video, upto)
        low = high = upto
        step = limit
        while low > after:
            low = max(after, upto - step)
            count = await self._above(shard, video, low) - beyond
            if count > limit:
                break
            high = low
            if limit - count <= limit * SLACK:
                return high
            step *= WIDEN
        while high - low > 1:
            middle = (low + high) // 2
            count = await self._above(shard, video, middle) - beyond
            if count > limit:
                low = middle
            else:
                high = middle
                if limit - count <= limit * SLACK:
                    break
        return high

    async def _count(self, shard: int, video: str, after: int, upto: int) -> int:
        """Return how many messages of a video the stream holds with `after` < number <= `upto`."""
        if after >= upto:
            return 0
        # In this order trimming in between makes it too few, and never too many.
        beyond, all_of_them = [await self._above(shard, video, number) for number in (upto, after)]
        return max(0, all_of_them - beyond)

    async def _above(self, shard: int, video: str, number: int) -> int:
        """Return how many messages of a video the stream holds above a number."""
        batch, pending = await self._reader.after(shard, video, number, 1)
        return len(batch) + pending

    async def _archived(
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
                page = await self._ask_history(shard, video, after, upto, min(limit, HISTORY_PAGE))
                ends = [(max(after, min(upto, page.through)), kept)]  # each with how many messages follow
                limit -= len(page.messages)
                while page.more and page.messages and limit > 0:
                    ends.append((page.messages[0].number - 1, ends[-1][1] + len(page.messages)))
                    page = await self._ask_history(shard, video, after, ends[-1][0], min(limit, HISTORY_PAGE))
                    limit -= len(page.messages)
                part = page.part(after, *ends.pop())
                number = part.upto
                yield part
                while ends:
                    page = await self._ask_history(shard, video, number, ends[-1][0], HISTORY_PAGE)
                    part = page.part(number, *ends.pop())
                    number = part.upto
                    yield part
        except HistoryAwayError as error:
            _log.warning("replay incomplete: history is away", video=video, reason=str(error))
        if number < upto:
            yield Part((), upto, (number + 1, upto))

    async def _wait_for_history(self, shard: int, video: str) -> None:
        """Wait until history answers, for as long as a gap in live may take; does not fail where it does not."""
        give_up_at = self._loop.time() + self._live_patience_s
        while self._loop.time() < give_up_at:
            try:
                await self._ask_history_once(shard, video, 0, MAX_NUMBER, 1, HISTORY_TIMEOUT_S)
            except HistoryAwayError:
                await asyncio.sleep(LIVE_PAUSE_S)
            else:
                self._history_rests_until = 0.0
                return

    async def _ask_history(self, shard: int, video: str, after: int, upto: int, limit: int) -> _Archived:
        if self._loop.time() < self._history_rests_until:
            raise HistoryAwayError("it was away a moment ago")
        pauses_s = iter(self._pauses_s)
        while True:
            try:
                return await self._ask_history_once(shard, video, after, upto, limit, HISTORY_TIMEOUT_S)
            except HistoryAwayError as error:
                pause_s = next(pauses_s, None)
                if pause_s is None or isinstance(error.__cause__, TimeoutError):
                    self._history_rests_until = self._loop.time() + HISTORY_REST_S
                    raise
            await asyncio.sleep(pause_s)

    async def _ask_history_once(
        self, shard: int, video: str, after: int, upto: int, limit: int, timeout_s: float
    ) -> _Archived:
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
