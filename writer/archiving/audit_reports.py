"""The reports of the loss audit that wait for their comments to be archived, of one shard. Pure.

Every archiver hears them, whoever's turn it is, and the one whose turn it is says which it has compared: so one that
takes over has what the one before it had not come to. Writers say a report again that nobody is known to have compared:
one that is known here, or was compared already, is passed over then.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from wire.audit import REPORT_NAME_BYTES, Acknowledged, decode_report, report_id

MAX_REPORTS: Final = 1_000
MAX_BYTES: Final = 8 * 1024 * 1024  # of them, as they came: some three million numbers
KEPT_S: Final = 3_600.0  # a longer outage is not audited; nor is what somebody else compared and was not heard to

MAX_OVER: Final = 1_000  # reports that were compared or dropped, and are remembered


class Report(NamedTuple):
    """One report, with its highest number, and how many numbers there are in it."""

    id: bytes
    highest: int
    numbers: int
    data: bytes
    heard_s: float

    def videos(self) -> dict[str, Acknowledged]:
        """Return what was reported."""
        return decode_report(self.data)


class AuditReports:
    """Those of one shard, the oldest first."""

    def __init__(self) -> None:
        self._waiting: dict[bytes, Report] = {}
        self._bytes = 0
        self._over: dict[bytes, None] = {}

    def add(self, data: bytes, now_s: float) -> int:
        """Take one in. Returns how many numbers had to be dropped for it. Raises `ValueError`."""
        videos = decode_report(data)
        name = report_id(data)
        if videos and name not in self._waiting and name not in self._over:
            highest = max(one.numbers[-1] for one in videos.values())
            numbers = sum(len(one.numbers) for one in videos.values())
            self._waiting[name] = Report(name, highest, numbers, data, now_s)
            self._bytes += len(data)
        return self._drop(now_s)

    def compared(self, named: bytes) -> None:
        """Let go of one that was compared, here or by another archiver."""
        report = self._waiting.pop(named, None)
        if report is not None:
            self._bytes -= len(report.data)
        if len(named) == REPORT_NAME_BYTES:
            self._over[named] = None
            if len(self._over) > MAX_OVER:
                del self._over[next(iter(self._over))]

    def due(self, through: int, limit: int) -> list[Report]:
        """Return up to `limit` of those whose comments are all archived."""
        found: list[Report] = []
        for report in self._waiting.values():
            if report.highest <= through:
                found.append(report)
                if len(found) == limit:
                    break
        return found

    def _drop(self, now_s: float) -> int:
        dropped = 0
        while self._waiting:
            oldest = next(iter(self._waiting.values()))
            if len(self._waiting) <= MAX_REPORTS and self._bytes <= MAX_BYTES and now_s - oldest.heard_s <= KEPT_S:
                break
            self.compared(oldest.id)
            dropped += oldest.numbers
        return dropped
