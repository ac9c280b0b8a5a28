"""One shard's messages on their way into Postgres, in order: each is stored or set aside, and the position moves.

Halving finds the messages of a batch that cannot be stored in a few steps.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Final

import nats.errors
from nats.aio.client import Client

from runtime.jetstream import Publisher, Stored
from runtime.logs import get_logger
from runtime.metrics import ARCHIVED
from runtime.settings import Settings, SettingsError
from wire import subjects
from writer.archiving.archive import Archive, RowRefusedError
from writer.archiving.archive_audit import ArchiveAudit
from writer.archiving.archiver_metrics import SET_ASIDE, THROUGH
from writer.archiving.control_duties import ControlDuties
from writer.archiving.rows import row_of, with_removals
from writer.archiving.setting_aside import set_aside

MAX_SET_ASIDE_IN_A_ROW: Final = 100  # more means that the fault is not in the messages, and nothing more is set aside

_log = get_logger("archiver")


class RefusesAllError(Exception):
    """Postgres refuses one message after the other; the fault must be elsewhere."""


class Storing:
    """Stores one shard's messages. Only the one who holds the shard's lock may use it."""

    def __init__(
        self,
        connection: Client,
        publisher: Publisher,
        duties: ControlDuties,
        audit: ArchiveAudit,
        settings: Settings,
        shard: int,
    ) -> None:
        self.through: int | None = None  # as last seen in Postgres; None: somebody else's, or never seen
        self._connection = connection
        self._publisher = publisher
        self._duties = duties
        self._audit = audit
        self._shards = settings.shards
        self._shard = shard
        self._set_aside_in_a_row = 0

    async def look(self, archive: Archive) -> int:
        """Return how far the shard is in Postgres. Raises `SettingsError` for one that has no stream yet."""
        through = await archive.position()
        if through is None:
            raise SettingsError("the streams are not there yet: run 'livecomments streams'")
        THROUGH.labels(self._shard).set(through)
        if self.through is not None and through < self.through:
            _log.warning("Postgres was set back: catching up", shard=self._shard, through=through, was=self.through)
        self.through = through
        return through

    async def store(self, archive: Archive, messages: Sequence[Stored]) -> None:
        """Store messages above the position, and move it to the last one of them.

        Raises `PositionMovedError`, `RefusesAllError`, `StoreError`, and what `Archive` raises when Postgres is away.
        """
        assert self.through is not None
        last = messages[-1]
        try:
            rows = with_removals([row_of(message, self._shards) for message in messages])
            unerased = await self._duties.do(rows, self.through)
            comments = await archive.store(rows, self.through, last.number, unerased)
        except (RowRefusedError, ValueError) as error:
            if len(messages) > 1:
                half = len(messages) // 2
                await self.store(archive, messages[:half])
                await self.store(archive, messages[half:])
                return
            await self._set_aside(archive, last, error)
            return
        self.through = last.number
        self._set_aside_in_a_row = 0
        ARCHIVED.inc(comments)
        THROUGH.labels(self._shard).set(last.number)

    async def pass_to(self, archive: Archive, number: int) -> None:
        """Move the position to a number up to which there is nothing to store."""
        assert self.through is not None
        await archive.store([], self.through, number)
        self.through = number

    async def announce(self) -> None:
        """Say how far the shard is in Postgres."""
        with contextlib.suppress(nats.errors.Error):  # it is said again soon
            await self._connection.publish(subjects.archived(self._shard), b"%d" % (self.through or 0))

    async def _set_aside(self, archive: Archive, message: Stored, error: Exception) -> None:
        if self._set_aside_in_a_row >= MAX_SET_ASIDE_IN_A_ROW:
            raise RefusesAllError(f"{self._set_aside_in_a_row} messages in a row were refused: {error}")
        await set_aside(self._publisher, self._shard, message)
        self._audit.not_comparable(message.number)
        await self.pass_to(archive, message.number)
        self._set_aside_in_a_row += 1
        SET_ASIDE.labels(self._shard).inc()
        reason = str(error.__cause__ or error) if isinstance(error, ValueError) else type(error.__cause__).__name__
        _log.error("a message was set aside", shard=self._shard, number=message.number, reason=reason)
