"""A round of one shard's comments on its way to JetStream: as a batch or as singles, split where that was refused."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from nats.aio.client import Client

from runtime.jetstream import Ack, AlreadyStoredError, Publisher, StoreAwayError, StoreError, StoreFullError
from runtime.logs import get_logger
from writer import metrics
from writer.archive_watch import ArchiveWatch
from writer.asking_history import ArchiveSilentError, agree, belongs
from writer.batch import Piece, piece_of, split
from writer.entry import Entry
from writer.judging import Word, judge
from writer.stream_continuity import Continuity
from writer.waiting import Waiting

_log = get_logger("writer")


class Rounds:
    """Sends rounds. Those who wait for an entry are told what became of it, unless JetStream did not answer.

    `answered` is called when JetStream said something, whatever it was; `acknowledged` for each entry that has a number
    that may be passed on, with what becomes true once that is archived.
    """

    def __init__(
        self,
        shard: int,
        connection: Client,
        publisher: Publisher,
        watch: ArchiveWatch,
        continuity: Continuity,
        waiting: Waiting,
        answered: Callable[[], None],
        acknowledged: Callable[[Entry, Ack, asyncio.Future[bool]], None],
    ) -> None:
        self._shard = shard
        self._connection = connection
        self._publisher = publisher
        self._watch = watch
        self._continuity = continuity
        self._waiting = waiting
        self._answered = answered
        self._acknowledged = acknowledged

    async def send(self, entries: list[Entry]) -> list[Entry]:
        """Send entries until each has an outcome. Returns those for which JetStream did not answer."""
        if not self._connection.is_connected:
            return entries  # nothing is piled up in the client's own buffer
        if not await self._continuity.check():
            return entries  # what came back may be an older copy
        if self._continuity.is_short:
            self._waiting.refuse(entries, "not_stored")
            return []
        highest = max(self._continuity.known, self._watch.through(self._shard))
        for entry in entries:
            entry.known_before = highest  # also of one sent again: a number that it is given now must be above it
            if entry.known_at_first is None:
                entry.known_at_first = highest
        metrics.HELD_REPEATS.inc(sum(entry.maybe_stored for entry in entries))
        pieces = deque([piece_of(entries)])
        while pieces:
            piece = pieces.popleft()
            if piece.atomic:
                try:
                    pieces.extendleft(reversed(await self._send_batch(piece.entries)))
                except StoreAwayError:
                    unanswered = _maybe_stored(piece.entries)
                else:
                    continue
            else:
                unanswered = await self._send_singles(piece.entries)
            if unanswered:
                return [*unanswered, *(entry for piece in pieces for entry in piece.entries)]
        return []

    async def _send_batch(self, entries: Sequence[Entry]) -> list[Piece[Entry]]:
        """Returns what to send in its place: nothing, unless JetStream refused this batch. Raises `StoreAwayError`."""
        metrics.ROUND_BATCH.observe(len(entries))
        try:
            acks = await self._publisher.batch([entry.outgoing() for entry in entries])
            self._continuity.must_be_checked()
        except StoreAwayError:
            raise
        except StoreFullError:
            self._answered()
            self._waiting.refuse(entries, "store_full")
            return []
        except StoreError as error:
            # Nothing of it is stored. Besides a repeat: a batch that a lost connection cut in two, too many batches at
            # once, one comment that the stream does not take. The smaller pieces tell which.
            self._answered()
            metrics.SPLIT_BATCHES.inc()
            if not isinstance(error, AlreadyStoredError):
                _log.warning("a batch was refused", shard=self._shard, comments=len(entries), error=str(error))
            return split(entries, [entry.maybe_stored for entry in entries])
        self._answered()
        if judge(entries[0], acks[0], self._continuity.floor) is Word.GIVEN_BEFORE:  # the others' are above it
            self._continuity.found_short(entries[0].known_before or 0, acks[0].number)
        archived = self._watch.covered(self._shard, acks[-1].number)
        for entry, ack in zip(entries, acks, strict=True):
            self._acknowledged(entry, ack, archived)
        return []

    async def _send_singles(self, entries: Sequence[Entry]) -> list[Entry]:
        """Returns the entries for which JetStream did not answer."""
        metrics.ROUND_SINGLES.observe(len(entries))
        if len(entries) == 1:
            answered = [await self._send_single(entries[0])]  # no task of its own
        else:
            answered = await asyncio.gather(*(self._send_single(entry) for entry in entries))
        if any(answered):
            self._answered()
        return [entry for entry, had_answer in zip(entries, answered, strict=True) if not had_answer]

    async def _send_single(self, entry: Entry) -> bool:
        """Returns whether JetStream answered."""
        try:
            ack = await self._publisher.one(entry.outgoing())
            self._continuity.must_be_checked()
        except (StoreAwayError, AlreadyStoredError):  # the latter: the first one is still on its way to the replicas
            _maybe_stored([entry])
            return False
        except StoreFullError:
            self._waiting.refuse([entry], "store_full")
        except StoreError as error:
            _log.error("a comment was refused", shard=self._shard, error=str(error))
            self._waiting.refuse([entry], "not_stored")
        else:
            return await self._take_word(entry, ack)
        return True

    async def _take_word(self, entry: Entry, ack: Ack) -> bool:
        """Pass a number on, if it may be. Returns whether JetStream answered all that it was asked."""
        word = judge(entry, ack, self._continuity.floor)
        try:
            if word is Word.FROM_BEFORE_A_LIFT and not await belongs(
                self._connection, self._shard, ack.number, entry.message
            ):
                # The number was taken back: it stands for another comment. Under an id of its own the comment gets a
                # new one, the same one however often it is repeated.
                entry.stored_as = f"{entry.message.message_id}~{self._continuity.floor}"
                return await self._send_single(entry)
            if word is Word.DOUBTFUL and not await agree(self._connection, self._shard, ack.number, entry.message):
                word = Word.GIVEN_BEFORE
        except ArchiveSilentError:
            self._waiting.refuse([entry], "not_stored")
            return True
        if word is Word.GIVEN_BEFORE:
            known = entry.known_at_first if ack.duplicate else entry.known_before
            self._continuity.found_short(known or 0, ack.number)
        self._acknowledged(entry, ack, self._watch.covered(self._shard, ack.number))
        return True


def _maybe_stored(entries: Sequence[Entry]) -> list[Entry]:
    for entry in entries:
        entry.maybe_stored = True
    return list(entries)
