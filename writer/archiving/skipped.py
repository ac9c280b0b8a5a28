"""Numbers of a shard that were skipped: why, as its stream tells, and how many are lost."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from runtime.jetstream import Reader
from runtime.logs import get_logger
from writer.archiving.archive_audit import ArchiveAudit
from writer.archiving.archiver_metrics import LOST
from writer.archiving.holes import Hole, lost, unexplained

_log = get_logger("archiver")


class SkippedError(Exception):
    """Numbers are missing from the stream that were neither trimmed nor deleted."""


class Skipped:
    """Accounts for one shard's."""

    def __init__(self, reader: Reader, audit: ArchiveAudit, shard: int) -> None:
        self._reader = reader
        self._audit = audit
        self._shard = shard

    async def explain(self, skipped: Sequence[Hole]) -> int:
        """Return the stream's first number when it says why numbers are missing. Raises `SkippedError` otherwise."""
        first = (await self._reader.state(self._shard)).first
        deleted = await self._reader.deleted(self._shard) if any(hole.high >= first for hole in skipped) else ()
        hole = unexplained(skipped, first, deleted)
        if hole is not None:
            raise SkippedError(f"numbers from {hole.low} to {hole.high} are missing, but neither trimmed nor deleted")
        return first

    def were_removed(self, skipped: Sequence[Hole], first: int) -> None:
        """Note for the audit that nothing stands there: what is to stand there comes with who removed it."""
        for hole in skipped:
            for number in range(max(hole.low, first), hole.high + 1):
                self._audit.not_comparable(number)

    def count_lost(self, skipped: Sequence[Hole], first: int, removed: Collection[int] = ()) -> None:
        """Count what the stream, whose first number is `first`, does not hold any more."""
        # A removed message that was the stream's first one looks as if it had been trimmed.
        count = lost(skipped, first) - sum(hole.low <= number <= hole.high for hole in skipped for number in removed)
        if count <= 0:
            return
        LOST.labels(self._shard).inc(count)
        _log.error(
            "the stream was trimmed further than Postgres had come: numbers are missing from the archive",
            shard=self._shard,
            count=count,
            low=skipped[0].low,
            first=first,
        )
