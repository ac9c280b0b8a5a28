"""Lifts a shard whose stream was found short, so that it never gives a number twice.

Its disk lost what it had acknowledged, or an older copy of it came back. By the one who holds the shard's lock:

1. the number at which it is to begin again is written down in Postgres: above every one known, and the clock's
   microseconds, which numbers never reach by themselves;
2. the stream's subjects are taken off it: from now on nothing is stored;
3. what it holds is archived to its end, except what was given a number that stands for something else: that is set
   aside;
4. it is purged to the number, which makes that its next one, and the position moves there;
5. its subjects are put back, and the lift is over.

Each step may be done again, by whoever comes after a crash. Meanwhile everybody is told, again and again, that the
shard is short, so that its writers take nothing, and refuse what they have.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

from nats.aio.client import Client

from runtime import jetstream
from runtime.jetstream import Publisher, Reader, Stored, StoreError
from runtime.logs import get_logger
from runtime.marks import Marks
from runtime.streams import put_subjects_back, take_subjects_off
from wire import subjects
from wire.mark import Claim
from writer.archiving.archive import Archive
from writer.archiving.archiver_metrics import COLLIDED, LIFTS, LOST
from writer.archiving.holes import holes, unexplained
from writer.archiving.setting_aside import set_aside

STEP: Final = 1_000  # messages compared at once
QUIET_S: Final = 0.3  # for which nothing may come in any more before the stream's end is believed
MAX_QUIET_WAITS: Final = 20

ArchiveRest = Callable[[Archive, Sequence[Stored]], Awaitable[None]]

_log = get_logger("archiver")


class Lift:
    """One shard's lift. Only the one who holds the shard's lock may use it."""

    def __init__(self, connection: Client, reader: Reader, publisher: Publisher, marks: Marks, shard: int) -> None:
        self._connection = connection
        self._reader = reader
        self._publisher = publisher
        self._marks = marks
        self._shard = shard

    async def run(self, archive: Archive, claim: Claim, archive_rest: ArchiveRest) -> int:
        """Lift the shard, or go on with a lift. Returns the number that the stream begins at now.

        `claim` says why. `archive_rest` stores messages above the position, and moves it. Raises `StoreError`, and
        what `Archive` raises; then the lift is not over, and is to be run again.
        """
        shard = self._shard
        through = await archive.position() or 0
        self._marks.reach(shard, max(claim.known, through))
        known = self._marks.of(shard)
        await self._marks.claim(shard, Claim(known, claim.again, certain=True))
        lift_to = await archive.raise_lift(_above(max(known, await archive.top())))
        if through < lift_to - 1:
            if not await self._is_purged(lift_to):
                lift_to = await self._empty(archive, claim, lift_to, archive_rest)
            through = await archive.position() or 0
            await archive.store([], through, lift_to - 1)
        self._marks.reach(shard, lift_to - 1)
        await put_subjects_back(self._connection, shard)
        await archive.end_lift(lift_to)
        LIFTS.labels(shard).inc()
        _log.warning("the shard was lifted, and takes comments again", shard=shard, first=lift_to)
        return lift_to

    async def _empty(self, archive: Archive, claim: Claim, lift_to: int, archive_rest: ArchiveRest) -> int:
        """Take everything out of the stream, and make `lift_to`, or a number above it, its next one."""
        shard = self._shard
        await take_subjects_off(self._connection, shard)
        last = await self._end()
        known = await self._marks.gather(shard)
        lift_to = await archive.raise_lift(max(known, last) + 1)
        through = await archive.position() or 0
        _log.error("the shard is lifted", shard=shard, through=through, last=last, known=known, first=lift_to)
        self._count_lost(known - max(through, claim.again - 1 if claim.again else last))
        await self._set_collided_aside(archive, min(through, last))
        async for messages in self._messages(through, last):
            # What was given again and refused: above `again` the stream tells another story than what was known.
            refused = [one for one in messages if claim.again and claim.again <= one.number <= claim.known]
            for message in refused:
                await self._collided(message)
            await archive_rest(archive, [one for one in messages if one not in refused])
        if (await self._reader.state(shard)).last != last:
            # Somebody has put the subjects back meanwhile: 'livecomments streams', at an unlucky moment.
            raise StoreError(f"shard {shard}: its stream grows, and is not purged")
        answer = await jetstream.api(self._connection, f"STREAM.PURGE.{subjects.stream_name(shard)}", {"seq": lift_to})
        if "error" in answer or not await self._is_purged(lift_to):
            raise StoreError(f"shard {shard}: cannot be lifted to {lift_to}: {answer.get('error')}")
        return lift_to

    def _count_lost(self, count: int) -> None:
        """Count the numbers that were given, and that neither Postgres nor the stream has: nobody can help that."""
        if count > 0:
            LOST.labels(self._shard).inc(count)
            _log.error("the stream lost comments before Postgres had them", shard=self._shard, count=count)

    async def _is_purged(self, lift_to: int) -> bool:
        return (await self._reader.state(self._shard)).last >= lift_to - 1

    async def _end(self) -> int:
        """Return the stream's last number, once nothing comes in any more: replicas may still be at it."""
        last = (await self._reader.state(self._shard)).last
        for _ in range(MAX_QUIET_WAITS):
            await asyncio.sleep(QUIET_S)
            before, last = last, (await self._reader.state(self._shard)).last
            if last == before:
                return last
        raise StoreError(f"shard {self._shard}: its stream still grows, without subjects")

    async def _set_collided_aside(self, archive: Archive, upto: int) -> None:
        """Set aside what has a number, up to `upto`, that stands for something else in Postgres.

        The stream tells what is archived up to some number, and something else above it: so it is compared from its
        end downward, until they agree.
        """
        number = upto
        first = (await self._reader.state(self._shard)).first
        while number >= first:
            begin = max(first - 1, number - STEP)
            messages = [one async for some in self._messages(begin, number) for one in some]
            number = begin
            if not messages:
                continue
            times = await archive.times([(subjects.video_of(one.subject), one.number) for one in messages])
            for message in messages:
                if times.get(message.number) != message.posted_ms:
                    await self._collided(message)
            if times.get(messages[0].number) == messages[0].posted_ms:
                return

    async def _messages(self, above: int, upto: int) -> AsyncIterator[list[Stored]]:
        """Yield what the stream holds above one number and up to another, in steps.

        Raises `StoreError` where that is not all of it: a replica may have answered that lags behind the leader, and
        what it has not seen yet would be purged unread.
        """
        number = above
        while number < upto:
            found, _ = await self._reader.after(self._shard, "*", number, STEP)
            messages = [one for one in found if one.number <= upto]
            numbers = [one.number for one in messages] or [upto + 1]
            skipped = holes(number, numbers)
            if skipped:
                first = (await self._reader.state(self._shard)).first
                hole = unexplained(skipped, first, await self._reader.deleted(self._shard))
                if hole is not None:
                    raise StoreError(f"shard {self._shard}: {hole.low} to {hole.high} cannot be read yet")
            yield messages
            number = numbers[-1]

    async def _collided(self, message: Stored) -> None:
        await set_aside(self._publisher, self._shard, message, collided=True)
        COLLIDED.labels(self._shard).inc()


async def agrees(archive: Archive, reader: Reader, through: int) -> bool:
    """Return whether the stream holds at the position what Postgres holds; also where one of them holds nothing."""
    messages, _ = await reader.after(archive.shard, "*", through - 1, 1)
    if not messages or messages[0].number != through:
        return True
    there = (subjects.video_of(messages[0].subject), messages[0].posted_ms)
    if (await archive.times([(there[0], through)])).get(through) == there[1]:
        return True
    return await archive.what_is(through) in (None, there)


def _above(known: int) -> int:
    return max(known + 1, time.time_ns() // 1000)
