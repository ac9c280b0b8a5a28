"""Is everything that was acknowledged in Postgres? Asked of Postgres itself, some seconds after it was archived."""

from __future__ import annotations

from collections import deque
from typing import Final

from runtime.audit_metrics import ARCHIVE, AUDITED, DIFFERING, LOST, UNAUDITED
from runtime.logs import get_logger
from wire.audit import Acknowledged, add_up, decode_report, digest_of
from wire.comment import encode_payload
from writer.archive import Archive

MAX_REPORTS: Final = 1_000  # that wait for their comments to be archived
MAX_SET_ASIDE: Final = 1_000  # that are remembered
LOGGED_NUMBERS: Final = 10

_log = get_logger("audit")


class ArchiveAudit:
    """Compares one shard's reports with the rows, once the archive has come so far."""

    def __init__(self, shard: int) -> None:
        self._shard = shard
        self._set_aside: dict[int, None] = {}
        self._waiting: deque[tuple[int, dict[str, Acknowledged]]] = deque()  # each with its highest number

    def heard(self, data: bytes) -> None:
        """Take a report."""
        try:
            videos = decode_report(data)
        except ValueError:
            _log.warning("a report makes no sense", shard=self._shard)
            return
        if videos:
            self._waiting.append((max(one.numbers[-1] for one in videos.values()), videos))
        if len(self._waiting) > MAX_REPORTS:
            _, dropped = self._waiting.popleft()
            UNAUDITED.labels(ARCHIVE).inc(sum(len(one.numbers) for one in dropped.values()))

    def was_set_aside(self, number: int) -> None:
        """Postgres cannot hold this one: it is kept elsewhere, and counted there."""
        self._set_aside[number] = None
        if len(self._set_aside) > MAX_SET_ASIDE:
            del self._set_aside[next(iter(self._set_aside))]

    def forget(self) -> None:
        """Somebody else archives the shard, and compares."""
        self._waiting.clear()

    async def compare(self, archive: Archive, through: int) -> None:
        """Compare what is archived by now. Raises one of `postgres.AWAY`; then it is compared later."""
        for _ in range(len(self._waiting)):
            highest, videos = self._waiting[0]
            if highest > through:
                self._waiting.rotate(-1)
                continue
            if await self._compare(archive, videos, highest):
                self._waiting.popleft()
            else:
                self._waiting.rotate(-1)

    async def _compare(self, archive: Archive, videos: dict[str, Acknowledged], highest: int) -> bool:
        """Return whether it could be compared: a Postgres that was set back is to be caught up first."""
        rows = await archive.comments_of([(video, one.numbers[0], one.numbers[-1]) for video, one in videos.items()])
        if (await archive.position() or 0) < highest:
            return False
        for video, acknowledged in videos.items():
            there = rows.get(video, {})
            missing = [
                number for number in acknowledged.numbers if number not in there and number not in self._set_aside
            ]
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
        return True
