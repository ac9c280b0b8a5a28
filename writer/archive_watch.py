"""How far each shard is in Postgres, as the archiver announces it on `archived.S`."""

from __future__ import annotations

import asyncio
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg

from runtime.logs import get_logger
from wire import subjects
from wire.number import MAX_NUMBER

_MAX_DIGITS: Final = len(str(MAX_NUMBER))

_log = get_logger("writer")


class ArchiveWatch:
    """Tells for a number whether it came to Postgres within `wait_s` seconds.

    What waits is bounded: each wait ends after `wait_s`, and a round of comments waits as one.
    """

    def __init__(self, shards: int, wait_s: float) -> None:
        self._wait_s = wait_s
        self._through = [0] * shards
        self._waiting: list[dict[int, _Wait]] = [{} for _ in range(shards)]

    async def start(self, connection: Client) -> None:
        """Listen to the archiver."""
        for shard in range(len(self._through)):
            await connection.subscribe(subjects.archived(shard), cb=self._heard)

    def through(self, shard: int) -> int:
        """Return the highest number that was ever announced for a shard, 0 if none was.

        A Postgres that was restored announces lower ones again. Those do not count here: a number that was known once
        must never be given again.
        """
        return self._through[shard]

    def covered(self, shard: int, number: int) -> asyncio.Future[bool]:
        """Return what becomes true once `number` is in Postgres, or false when that takes too long.

        The future may be shared: wait for it behind `asyncio.shield`.
        """
        loop = asyncio.get_running_loop()
        wait = self._waiting[shard].get(number)
        if wait is not None:
            return wait.done
        done: asyncio.Future[bool] = loop.create_future()
        if number <= self._through[shard]:
            done.set_result(True)
        elif self._wait_s <= 0:
            done.set_result(False)
        else:
            late = loop.call_later(self._wait_s, self._end, shard, number, False)
            self._waiting[shard][number] = _Wait(done, late)
        return done

    def _end(self, shard: int, number: int, covered: bool) -> None:  # noqa: FBT001  call_later passes by position
        wait = self._waiting[shard].pop(number)
        wait.late.cancel()
        if not wait.done.done():
            wait.done.set_result(covered)

    async def _heard(self, message: Msg) -> None:
        shard = int(message.subject.rsplit(".", 1)[1])
        text = message.data
        if not text.isdigit() or len(text) > _MAX_DIGITS:
            _log.warning("not a number", subject=message.subject)
            return
        through = int(text)
        if through <= self._through[shard]:
            return
        self._through[shard] = through
        for number in [number for number in self._waiting[shard] if number <= through]:
            self._end(shard, number, covered=True)


class _Wait:
    """One number that is waited for, and the timer that ends the wait."""

    __slots__ = ("done", "late")

    def __init__(self, done: asyncio.Future[bool], late: asyncio.TimerHandle) -> None:
        self.done = done
        self.late = late
