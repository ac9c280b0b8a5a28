"""A shard's truth, told by JetStream and history as they tell it: trimmed, archived, and with replicas that lag.

It stands in for the reader of a replay where every way of telling it has to be gone through in microseconds; the same
replays run against the real servers in `test_replays.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import nats.errors
import orjson

from runtime.jetstream import Kept, Stored, StreamState
from wire import subjects
from wire.comment import encode_payload

VIDEO = "v"
SHARD = 0
POSTED_MS = 1_700_000_000_000


class Shard:
    """The numbers of one video, all that were ever stored, and who still has which of them."""

    def __init__(self, numbers: list[int]) -> None:
        self.numbers = sorted(numbers)
        self.first = 1  # of the stream: what is below has been trimmed
        self.through = 0  # how far history's database got
        self.lag = 0  # how many of the newest numbers a replica of the stream does not have yet
        self.history_is_away = False
        self.page_limit = 1_000  # rows in one answer of history, as its limit in bytes makes it
        self.asked = 0
        self.most_rows = 0  # in one answer of history or of the stream
        self.before_each: Callable[[], None] = lambda: None

    # As `runtime.jetstream.Reader`.

    async def after(self, shard: int, video: str, number: int, limit: int) -> tuple[list[Stored], int]:
        self._ask()
        there = self.numbers[: len(self.numbers) - self.lag]
        found = [one for one in there if one > number and one >= self.first]
        self.most_rows = max(self.most_rows, min(limit, len(found)))
        return [_stored(one) for one in found[:limit]], max(0, len(found) - limit)

    async def since(self, shard: int, video: str, since_ms: int, limit: int) -> tuple[list[Stored], int]:
        return await self.after(shard, video, since_ms - POSTED_MS - 1, limit)

    async def following(self, shard: int, video: str, number: int) -> int | None:
        self._ask()
        return next((one for one in self.numbers if one > number and one >= self.first), None)

    async def one(self, shard: int, number: int) -> Stored | None:
        self._ask()
        there = self.numbers[: len(self.numbers) - self.lag]
        return _stored(number) if number in there and number >= self.first else None

    async def held(self, shard: int, number: int) -> Kept | None:
        self._ask()
        if number not in self.numbers or number < self.first:
            return None
        one = _stored(number)
        return Kept(one.number, one.subject, one.posted_ms, one.payload, None)

    async def newest(self, shard: int, video: str) -> int | None:
        self._ask()
        return next((one for one in reversed(self.numbers) if one >= self.first), None)

    async def state(self, shard: int) -> StreamState:
        self._ask()
        last = max(self.numbers, default=0)
        return StreamState(self.first, max(last, self.first - 1), first_ms=POSTED_MS + self.first)

    # As a connection to NATS on which history answers.

    async def request(self, subject: str, body: bytes, timeout: float) -> Any:
        self._ask()
        if self.history_is_away:
            raise nats.errors.NoRespondersError
        asked = orjson.loads(body)
        rows = [one for one in self.numbers if asked["after"] < one <= min(asked["upto"], self.through)]
        limit = min(asked["limit"], self.page_limit)
        kept = rows[-limit:]
        self.most_rows = max(self.most_rows, len(kept))
        answer = {
            "through": self.through,
            "more": len(rows) > len(kept),
            "comments": [[one, POSTED_MS + one, "comment", "u", f"m{one}", None, None] for one in kept],
        }
        return SimpleNamespace(data=orjson.dumps(answer))

    def _ask(self) -> None:
        self.asked += 1
        self.before_each()


def _stored(number: int) -> Stored:
    return Stored(number, subjects.comments(SHARD, VIDEO), POSTED_MS + number, encode_payload("u", f"m{number}"), {})
