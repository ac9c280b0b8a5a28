"""Whether a shard's stream still gives numbers above all that were ever given, as one writer sees it.

Where it does not, the writer says so (`runtime/marks.py`), takes nothing for the shard, and waits until the archiver
has lifted it: then the stream begins above every number known.

What comes back with a connection may be another stream than the one before, or an older copy of it. So nothing is sent
on a connection, and no number that came on it is passed on, before the stream's end was compared on it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from nats.aio.client import Client

from runtime import jetstream
from runtime.background import Background
from runtime.cancelling import end_if_cancelled
from runtime.jetstream import StoreAwayError, StoreError, StreamState
from runtime.logs import get_logger
from runtime.marks import Marks
from wire import subjects
from wire.mark import Claim
from writer import metrics

SAY_AGAIN_S: Final = 0.25  # and look whether it is over
CHECK_AGAIN_S: Final = 0.25  # where a check had no answer
MAX_CHECKS: Final = 100  # in a row; whatever is sent later has the stream checked once more before

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
        self._checked_on: int | None = None  # the connection
        self._checking = asyncio.Lock()
        self._background = Background()
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
        self._stop(Claim(known, again, certain=True))

    def heard(self, claim: Claim) -> None:
        """Somebody else found it short."""
        # Not `again`: what was refused there may have been acknowledged here.
        self._stop(Claim(claim.known, certain=claim.certain))

    @property
    def is_checked(self) -> bool:
        """Whether the stream's end was compared with what is known on the connection as it is now."""
        return self._checked_on == jetstream.times_reconnected(self._connection)

    def must_be_checked(self) -> None:
        """Raise `StoreAwayError` for an answer on a connection on which the stream was not checked yet."""
        if not self.is_checked:
            raise StoreAwayError("the stream may be another one than before")

    async def check(self) -> bool:
        """Compare the stream's end with what is known, unless that was done on this connection.

        Returns whether it is done.
        """
        if self.is_checked:
            return True
        async with self._checking:
            connection = jetstream.times_reconnected(self._connection)
            if self._checked_on == connection:
                return True
            known = await self._marks.gather(self._shard)
            try:
                state = await self._state()
            except StoreError:
                return False
            if connection != jetstream.times_reconnected(self._connection):
                return False
            self.floor = max(self.floor, state.first)
            self._checked_on = connection
            if state.last < known:
                self._stop(Claim(known))
            return True

    def check_soon(self) -> None:
        """Check it by itself, as often as it takes, within bounds: there may be nothing to send."""
        self._background.begin(f"continuity-{self._shard}", self._check_until_answered)

    async def end(self) -> None:
        """Stop waiting for a lift."""
        await self._background.stop()

    async def _check_until_answered(self) -> None:
        for _ in range(MAX_CHECKS):
            end_if_cancelled()
            if await self.check():
                return
            await asyncio.sleep(CHECK_AGAIN_S)
        _log.error("the stream could not be compared with what is known of it", shard=self._shard)

    def _stop(self, claim: Claim) -> None:
        before = self._claim
        if before is not None:
            self._claim = before.merged(claim)
            return
        self._claim = claim
        self._gauge.set(1)
        _log.error(
            "the stream was found short: it has lost comments, and the shard takes no more until it is lifted",
            shard=self._shard,
            known=claim.known,
            again=claim.again,
        )
        self._background.begin(f"lift-{self._shard}", self._wait_until_over)
        self._changed()

    async def _wait_until_over(self) -> None:
        while not await self._is_over():
            end_if_cancelled()
            if self._claim is not None:
                await self._marks.claim(self._shard, self._claim)
            await asyncio.sleep(SAY_AGAIN_S)
        self._claim = None
        self._gauge.set(0)
        _log.warning("the shard takes comments again", shard=self._shard, first=self.floor)
        self._changed()

    async def _is_over(self) -> bool:
        """Return whether the shard was lifted, or a new leader was only late to show the stream's end."""
        with contextlib.suppress(StoreError):
            state = await self._state()
            claim = self._claim
            self.floor = max(self.floor, state.first)
            return claim is None or state.first > claim.known or (state.last >= claim.known and not claim.certain)
        return False

    async def _state(self) -> StreamState:
        answer = await jetstream.api(self._connection, f"STREAM.INFO.{subjects.stream_name(self._shard)}")
        if "error" in answer:
            raise StoreError(str(answer["error"].get("description")))
        return StreamState(answer["state"]["first_seq"], answer["state"]["last_seq"])
