"""The part of a video between two numbers, out of JetStream or, where that no longer keeps it, history (`archive.py`).

It is read in pieces, oldest first, so that a deep replay takes no more memory than a shallow one. A piece read from
JetStream is whole when

- it reaches the number asked for, or the stream's leader knows of nothing more up to there: a replica may lag; and
- the stream's first number, asked for *afterwards*, is not above where the piece begins: otherwise messages may have
  been trimmed under the reader, without a word, and history is asked instead.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Final

from nats.aio.client import Client

from edge.archive import LIVE_PATIENCE_S, PAUSES_S, Archive, HistoryAwayError
from edge.messages import Message, Part
from edge.metrics import REPLAYS
from runtime.jetstream import Reader, StoreAwayError
from runtime.logs import get_logger
from wire import subjects

MAX_DEPTH: Final = 10_000  # comments in one replay
READ_BATCH: Final = 200  # messages in one Direct Get: small, so that live copies do not wait behind them
SLACK: Final = 0.005  # of the depth allowed is not worth searching for
WIDEN: Final = 4

_log = get_logger("edge")


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest messages of a video, of any kind, up to the number `newest` (0: it has none).

    `more`: there may be older ones.
    """

    messages: Sequence[Message]
    newest: int
    more: bool


class Replays:
    """Reads parts of videos, on a connection of its own."""

    def __init__(
        self,
        connection: Client,
        reader: Reader,
        history_pauses_s: Sequence[float] = PAUSES_S,
        live_patience_s: float = LIVE_PATIENCE_S,
    ) -> None:
        self._reader = reader
        self._archive = Archive(connection, history_pauses_s, live_patience_s)

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
            newest, through = await self._archive.newest(shard, video)
        except HistoryAwayError as error:
            _log.warning("the newest number is not known: history is away", video=video, reason=str(error))
            return trimmed
        return newest if through >= trimmed else trimmed  # it may lag behind what was trimmed, as a replica may

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
                await self._archive.wait(shard, video)
            async for part in self._archive.parts(shard, video, number, end, left - kept, kept):
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
                stored |= await self._archive.since(shard, video, min(upto, state.first - 1), since_ms, limit)
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
