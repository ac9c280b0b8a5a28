"""Whether a shard's stream still gives numbers above all that were ever given, as one writer sees it.

Where it does not, the writer says so (`runtime/marks.py`), takes nothing for the shard, and waits until the archiver
has lifted it: then the stream begins above every number known.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from nats.aio.client import Client

from runtime import jetstream
from runtime.cancelling import end_if_cancelled
from runtime.jetstream import StoreError, StreamState
from runtime.logs import get_logger
from runtime.marks import Marks
from wire import subjects
from wire.mark import Claim
from writer import metrics

SAY_AGAIN_S: Final = 0.25  # and look whether it is over

_log = get_logger("writer")


class Continuity:
    """One shard's marks in a writer. `changed` is called when the shard stops and when it takes comments again."""

    def __init__(self, shard: int, connection: Client, marks: Marks, changed: Callable[[], None]) -> None:
        self.floor = 0  # no number below it was given since the shard was lifted last
        self._shard = shard
        self._connection = connection
        self._marks = marks
        self._changed = changed
        self._claim: Claim | None = None
        self._task: asyncio.Task[None] | None = None
        self._gauge = metrics.STREAM_SHORT.labels(shard)
        self._gauge.set(0)

    @property
    def is_short(self) -> bool:
        """Whether the stream was found short, and was not lifted yet."""
        return self._claim is not None

    @property
    def known(self) -> int:
        """Return the highest number known."""
        return self._marks.of(self._shard)

    def reach(self, number: int) -> None:
        """Note that a number was acknowledged."""
        self._marks.reach(self._shard, number)

    def found_short(self, known: int, again: int) -> None:
        """The stream gave the number `again`, though `known`, which is not below it, was known before."""
        self._stop(Claim(known, again))

    def heard(self, claim: Claim) -> None:
        """Somebody else found it short."""
        self._stop(Claim(claim.known))

    async def check(self) -> None:
        """Compare the stream's end with what is known: at the start, and when the connection was lost."""
        known = await self._marks.gather(self._shard)
        with contextlib.suppress(StoreError):
            state = await self._state()
            self.floor = max(self.floor, state.first)
            if state.last < known:
                self._stop(Claim(known))

    def end(self) -> None:
        """Stop waiting for a lift."""
        if self._task is not None:
            self._task.cancel()

    def _stop(self, claim: Claim) -> None:
        before = self._claim
        if before is not None:
            again = min((one.again for one in (before, claim) if one.again), default=0)
            self._claim = Claim(max(before.known, claim.known), again)
            return
        self._claim = claim
        self._gauge.set(1)
        _log.error(
            "the stream was found short: it has lost comments, and the shard takes no more until it is lifted",
            shard=self._shard,
            known=claim.known,
            again=claim.again,
        )
        self._task = asyncio.get_running_loop().create_task(self._wait_for_lift())
        self._changed()

    async def _wait_for_lift(self) -> None:
        while not await self._is_lifted():
            end_if_cancelled()
            if self._claim is not None:
                await self._marks.claim(self._shard, self._claim)
            await asyncio.sleep(SAY_AGAIN_S)
        self._claim = None
        self._gauge.set(0)
        _log.warning("the shard was lifted, and takes comments again", shard=self._shard, first=self.floor)
        self._changed()

    async def _is_lifted(self) -> bool:
        with contextlib.suppress(StoreError):
            first = (await self._state()).first
            if self._claim is None or first > self._claim.known:
                self.floor = max(self.floor, first)
                return True
        return False

    async def _state(self) -> StreamState:
        answer = await jetstream.api(self._connection, f"STREAM.INFO.{subjects.stream_name(self._shard)}")
        if "error" in answer:
            raise StoreError(str(answer["error"].get("description")))
        return StreamState(answer["state"]["first_seq"], answer["state"]["last_seq"])
