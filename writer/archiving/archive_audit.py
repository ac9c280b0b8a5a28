"""Is everything that was acknowledged in Postgres? Asked of Postgres itself, some seconds after it was archived.

What an archiver that was killed, or cut off from NATS, had heard or has missed, writers say again when it asks.
"""

from __future__ import annotations

import contextlib
import time
from typing import Final

import nats.errors
from nats.aio.client import Client

from runtime.audit_metrics import ARCHIVE, AUDITED, DIFFERING, LOST, UNAUDITED
from runtime.jetstream import StoreError
from runtime.logs import get_logger
from wire import subjects
from wire.audit import Acknowledged, add_up, digest_of
from wire.comment import encode_payload
from writer.archiving.archive import Archive, Words
from writer.archiving.audit_reports import AuditReports, Report
from writer.archiving.setting_aside import numbers_set_aside

MAX_NOT_COMPARABLE: Final = 1_000  # numbers that are remembered
REPORTS_AT_ONCE: Final = 10  # compared between two batches: after an outage there are many, and the shard must go on
NUMBERS_AT_ONCE: Final = 10_000  # … and no further report once they are so many
LOGGED_NUMBERS: Final = 10

_log = get_logger("audit")


class ArchiveAudit:
    """Compares one shard's reports with the rows, once the archive has come so far.

    `is_ours`: it is this archiver's turn, or nobody's that is known; what is dropped then is not compared by anybody.
    """

    def __init__(self, connection: Client, shard: int) -> None:
        self.is_ours = True
        self._connection = connection
        self._shard = shard
        self._not_comparable: dict[int, None] = {}
        self._knows_set_aside = False  # what was set aside before this archiver heard of it
        self._reports = AuditReports()

    def heard(self, data: bytes) -> None:
        """Take a report."""
        try:
            dropped = self._reports.add(data, time.monotonic())
        except ValueError:
            _log.warning("a report makes no sense", shard=self._shard)
            return
        if dropped and self.is_ours:
            UNAUDITED.labels(ARCHIVE).inc(dropped)

    async def ask(self) -> None:
        """Have writers say again what nobody has compared: this archiver has begun, or was cut off from NATS."""
        self._knows_set_aside = False
        with contextlib.suppress(nats.errors.Error, OSError):  # it asks again when the connection is back
            await self._connection.publish(subjects.uncompared(self._shard), b"")

    def compared(self, report: bytes) -> None:
        """Whoever archives the shard has compared this one."""
        self._reports.compared(report)

    def not_comparable(self, number: int) -> None:
        """Nothing is to be looked for under this one: it was set aside, and counted there, or removed."""
        self._not_comparable[number] = None
        if len(self._not_comparable) > MAX_NOT_COMPARABLE:
            del self._not_comparable[next(iter(self._not_comparable))]

    async def compare(self, archive: Archive, through: int) -> bool:
        """Compare some of what is archived by now. Returns whether there is more of it.

        Raises one of `postgres.AWAY`; then it is compared later.
        """
        numbers = 0
        for report in self._reports.due(through, REPORTS_AT_ONCE):
            if numbers >= NUMBERS_AT_ONCE:
                break
            if not await self._compare(archive, report):
                return False
            numbers += report.numbers
            self._reports.compared(report.id)
            with contextlib.suppress(nats.errors.Error, OSError):  # else whoever takes over compares it again
                await self._connection.publish(subjects.audited(self._shard), report.id)
        return bool(self._reports.due(through, 1))

    async def _compare(self, archive: Archive, report: Report) -> bool:
        """Return whether it could be compared: not before Postgres, if it was set back, is caught up."""
        videos = report.videos()
        rows = await archive.comments_of([(video, one.numbers[0], one.numbers[-1]) for video, one in videos.items()])
        if (await archive.position() or 0) < report.highest:
            return False
        if not self._knows_set_aside and any(self._missing(one, rows.get(video, {})) for video, one in videos.items()):
            try:
                set_aside = await numbers_set_aside(self._connection, self._shard, MAX_NOT_COMPARABLE)
            except StoreError:
                return False
            for number in set_aside:
                self.not_comparable(number)
            self._knows_set_aside = True
        for video, acknowledged in videos.items():
            self._compare_one(video, acknowledged, rows.get(video, {}))
        return True

    def _missing(self, acknowledged: Acknowledged, there: dict[int, Words | None]) -> list[int]:
        return [number for number in acknowledged.numbers if number not in there and number not in self._not_comparable]

    def _compare_one(self, video: str, acknowledged: Acknowledged, there: dict[int, Words | None]) -> None:
        missing = self._missing(acknowledged, there)
        AUDITED.labels(ARCHIVE).inc(len(acknowledged.numbers))
        if missing:
            LOST.labels(ARCHIVE).inc(len(missing))
            _log.error(
                "acknowledged comments are not in the archive",
                video=video,
                count=len(missing),
                numbers=missing[:LOGGED_NUMBERS],
            )
        elif acknowledged.digest is not None:
            words = [(number, there.get(number)) for number in acknowledged.numbers]
            said = [digest_of(number, encode_payload(*one)) for number, one in words if one is not None]
            # One that was removed, or set aside, cannot be compared any more.
            if len(said) == len(words) and add_up(said) != acknowledged.digest:
                DIFFERING.labels(ARCHIVE).inc(len(acknowledged.numbers))
                _log.error("the archive holds something else than was acknowledged", video=video)
