"""One shard's batcher: takes comments as they come and stores them in rounds, one round on its way at a time.

While a round is on its way the next one gathers, so a round is as large as the load asks for and no timer is needed.
A comment whose round had no answer may be stored or not; it is sent again under the same message id, which JetStream
stores once.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import nats.errors
from nats.aio.client import Client

from runtime import jetstream
from runtime.cancelling import end_if_cancelled
from runtime.jetstream import Ack, Outgoing, Publisher, StoreError
from runtime.logs import get_logger
from runtime.marks import Marks
from runtime.metrics import STORED
from wire import subjects
from wire.problem import Refused
from writer import metrics
from writer.archive_watch import ArchiveWatch
from writer.batch import MAX_BATCH
from writer.entry import Entry, Kept, Outcome
from writer.known_keys import KnownKeys
from writer.rounds import Rounds
from writer.store_health import State, StoreHealth
from writer.stream_continuity import Continuity
from writer.waiting import Waiting

REPEAT_AFTER_S: Final = (0.2, 0.3)  # a round without an answer is sent again after a wait out of this range
PROBE_EVERY_S: Final = 0.5

_SAID_OF: Final = {
    State.ANSWERING: "JetStream answers again",
    State.FAILING: "JetStream does not answer: comments are held",
    State.TRYING: "JetStream is tried again",
}

_log = get_logger("writer")


class Batcher:
    """Stores one shard's comments. `take` hands one over, `run` is the task that does it."""

    def __init__(
        self,
        shard: int,
        connection: Client,
        publisher: Publisher,
        watch: ArchiveWatch,
        marks: Marks,
        known: KnownKeys,
        hold_s: float,
        acknowledged: Callable[[int, str, int, bytes | None], None] = lambda *_: None,
    ) -> None:
        """`acknowledged` is told of each number: shard, video, number, and the payload where it is the number's own."""
        self._shard = shard
        self._connection = connection
        self._watch = watch
        self.continuity = Continuity(shard, connection, marks, self._stopped_or_resumed)
        self._known = known
        self._told_acknowledged = acknowledged
        self._health = StoreHealth(hold_s)
        self._loop = asyncio.get_running_loop()
        self._waiting = Waiting(hold_s, self._time_over)
        self._queue: deque[Entry] = deque()  # what waits and is not on its way
        self._work = asyncio.Event()  # set while there is something to send, or to probe for
        self._rounds = Rounds(
            shard, connection, publisher, watch, self.continuity, self._waiting, self._note_answer, self._acknowledged
        )
        self._highest = 0  # the highest number acknowledged to this writer
        self._said = 0  # … of which the archiver was told
        self._closed = False
        metrics.QUEUE_DEPTH.labels(shard).set_function(lambda: self.waiting)
        self._away_gauge = metrics.STORE_AWAY.labels(shard)

    @property
    def waiting(self) -> int:
        """Return how many comments wait for JetStream's word."""
        return len(self._waiting)

    # What the way of a POST asks.

    def known(self, message_id: str) -> asyncio.Future[Outcome] | None:
        """Return what becomes of a message id that waits here or was stored lately, None for an unknown one."""
        entry = self._waiting.get(message_id)
        if entry is not None:
            metrics.KNOWN_QUEUED.inc()
            return entry.outcome
        number = self._known.get(message_id, self._loop.time())
        if number is None:
            return None
        metrics.KNOWN_REMEMBERED.inc()
        outcome: asyncio.Future[Outcome] = self._loop.create_future()
        outcome.set_result(Kept(number, self._watch.covered(self._shard, number)))
        return outcome

    def archived(self, number: int) -> asyncio.Future[bool]:
        """Return what becomes true once a number is in Postgres, and false when that takes too long."""
        return self._watch.covered(self._shard, number)

    def check_open(self) -> None:
        """Raise `Refused` (`not_stored`) when a comment could not be taken now."""
        if self._closed or self.continuity.is_short or self._health.state is State.AWAY or self._waiting.full:
            raise Refused("not_stored")

    def take(self, message: Outgoing, *, keyed: bool) -> asyncio.Future[Outcome]:
        """Take a comment that `check_open` allowed and whose message id is not known. Returns what becomes of it.

        The comment is stored whether anybody still waits or not: wait behind `asyncio.shield`.
        """
        entry = self._waiting.add(message, keyed=keyed, held=self._health.state is not State.TRYING)
        self._queue.append(entry)
        self._work.set()
        return entry.outcome

    async def drain(self) -> None:
        """Take nothing any more. Returns once all that was taken has its outcome, within the time comments are held."""
        self._closed = True
        await self._waiting.empty()

    # The rounds.

    async def run(self) -> None:
        """Send what is there, for ever."""
        while True:
            end_if_cancelled()
            await self._work.wait()
            try:
                await self._take_turn()
            except Exception as error:  # noqa: BLE001  without this task the shard would take nothing for ever
                _log.error("a turn of the batcher failed", shard=self._shard, exc_info=error)
                await asyncio.sleep(PROBE_EVERY_S)

    async def _take_turn(self) -> None:
        entries = self._next_round()
        if entries:
            await self._send_round(entries)
        elif self._health.state is State.AWAY:
            await asyncio.sleep(PROBE_EVERY_S)
            await self._probe()
        else:
            self._work.clear()

    def _next_round(self) -> list[Entry]:
        entries: list[Entry] = []
        while self._queue and len(entries) < MAX_BATCH:
            entry = self._queue.popleft()
            if not entry.outcome.done():
                entries.append(entry)
        return entries

    async def _send_round(self, entries: list[Entry]) -> None:
        try:
            unanswered = await self._rounds.send(entries)
        except Exception as error:  # noqa: BLE001  the batcher must outlive what nobody foresaw
            _log.error("a round failed", shard=self._shard, comments=len(entries), exc_info=error)
            self._waiting.refuse(entries, "not_stored")
            return
        await self._say_stored()
        if not unanswered:
            return
        self._hold(unanswered)
        await asyncio.sleep(random.uniform(*REPEAT_AFTER_S))  # noqa: S311  jitter, not a secret

    # What became of an entry.

    def _acknowledged(self, entry: Entry, ack: Ack, archived: asyncio.Future[bool]) -> None:
        if self.continuity.is_short:
            self._waiting.refuse([entry], "not_stored")
            return
        self._highest = max(self._highest, ack.number)
        self.continuity.reach(ack.number)
        if entry.keyed:
            self._known.add(entry.message.message_id, ack.number, self._loop.time())
        if ack.duplicate and not entry.maybe_stored:
            metrics.KNOWN_STORED.inc()
        else:
            is_comment = entry.message.kind is None
            STORED.inc(is_comment)
            payload = entry.message.payload if is_comment and not ack.duplicate else None
            self._told_acknowledged(self._shard, subjects.video_of(entry.message.subject), ack.number, payload)
        metrics.ACK_S.observe(self._loop.time() - entry.came_s)
        self._waiting.resolve(entry, Kept(ack.number, archived))

    def _hold(self, entries: Sequence[Entry]) -> None:
        """Put entries that had no answer back to be sent again; those that are not to be held are refused."""
        self._queue.extendleft(reversed(entries))
        before = self._health.state
        self._health.unanswered(min(entry.came_s for entry in entries), self._loop.time())
        self._note_change(before)
        if self._health.state is State.AWAY:
            self._waiting.refuse([entry for entry in self._queue if not entry.held], "not_stored")

    def _time_over(self) -> None:
        before = self._health.state
        self._health.passed(self._loop.time())
        self._note_change(before)

    # The state of the stream.

    def _note_answer(self) -> None:
        before = self._health.state
        self._health.answered()
        self._note_change(before)

    def _note_change(self, before: State) -> None:
        state = self._health.state
        if state is before:
            return
        if state is State.AWAY:
            _log.error("JetStream is away: posts are refused until it is back", shard=self._shard)
            self._work.set()  # for the probes
        else:
            _log.warning(_SAID_OF[state], shard=self._shard)
        self._away_gauge.set(state is State.AWAY)

    def _stopped_or_resumed(self) -> None:
        if self.continuity.is_short:
            self._waiting.refuse_all("not_stored")

    async def _probe(self) -> None:
        with contextlib.suppress(StoreError):
            answer = await jetstream.api(self._connection, f"STREAM.INFO.{subjects.stream_name(self._shard)}")
            if "error" not in answer:
                before = self._health.state
                self._health.probe_answered()
                self._note_change(before)

    async def _say_stored(self) -> None:
        """Wake the archiver. It looks by itself every second, so nothing is lost with this."""
        if self._highest == self._said:
            return
        self._said = self._highest
        with contextlib.suppress(nats.errors.Error, OSError):
            await self._connection.publish(subjects.stored(self._shard), b"%d" % self._highest)
