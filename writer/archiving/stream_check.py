"""Whether one shard's stream goes on where it was; a shard whose stream was found short is lifted.

A stream found short has lost acknowledged messages, or is an old copy. It would give numbers a second time, and
whatever it gave them to would never come to Postgres.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from runtime.jetstream import Reader, Stored
from runtime.logs import get_logger
from runtime.marks import Marks
from wire.mark import Claim
from writer.archiving.archive import Archive
from writer.archiving.archiver_metrics import STOPPED
from writer.archiving.lifting import Lift, agrees
from writer.archiving.storing import Storing

LOOK_AGAIN_S: Final = 0.5  # before a stream's end is believed that lies below what is known

_log = get_logger("archiver")


class StreamCheck:
    """Of one shard. Only the one who holds the shard's lock may `run` it."""

    def __init__(self, reader: Reader, marks: Marks, lift: Lift, storing: Storing, shard: int) -> None:
        self.is_due = True  # the stream may have been replaced since its end was last compared with the position
        self.claim: Claim | None = None  # what was said of the stream, and not looked into yet
        self._reader = reader
        self._marks = marks
        self._lift = lift
        self._storing = storing
        self._shard = shard

    def claimed(self, claim: Claim) -> None:
        """Somebody found the stream short."""
        self.claim = claim if self.claim is None else claim.merged(self.claim)
        self.is_due = True

    async def run(self, archive: Archive) -> None:
        """Return once the stream is known to go on where it was. Raises `StoreError`, and what `Archive` raises."""
        # What is said, and a connection that is lost, from here on asks for one more look.
        claim, self.claim, self.is_due = self.claim, None, False
        try:
            await self._look_into(archive, claim)
        except BaseException:
            self.is_due = True
            if claim is not None:
                self.claimed(claim)
            raise

    async def _look_into(self, archive: Archive, claim: Claim | None) -> None:
        shard, through = self._shard, await self._storing.look(archive)
        known = max(through, self._marks.of(shard))  # before the stream is asked: it grows meanwhile
        state = await self._reader.state(shard)
        if await archive.lift() is None:
            if claim is not None and claim.certain and claim.known >= state.first:
                pass
            elif await self._ends_below(known) or not await agrees(archive, self._reader, through):
                claim = Claim(known)
            else:
                if claim is not None and claim.known >= state.first:
                    _log.warning("the stream is not short: it reaches what is known", shard=shard, known=known)
                return
        STOPPED.labels(shard).set(1)
        _log.error(
            "the stream was found short: it would give numbers again; the shard is stopped and lifted",
            shard=shard,
            through=through,
            first=state.first,
            last=state.last,
            known=claim.known if claim is not None else None,
        )
        await self._lift.run(archive, claim or Claim(through), self._store_rest)
        await self._storing.look(archive)
        STOPPED.labels(shard).set(0)
        await self._storing.announce()

    async def _ends_below(self, known: int) -> bool:
        """Return whether the stream ends below a number that is known; looked at twice, as a new leader may be late."""
        if (await self._reader.state(self._shard)).last >= known:
            return False
        await asyncio.sleep(LOOK_AGAIN_S)
        return (await self._reader.state(self._shard)).last < known

    async def _store_rest(self, archive: Archive, messages: Sequence[Stored]) -> None:
        await self._storing.look(archive)
        if messages:
            await self._storing.store(archive, messages)
