"""What this writer has acknowledged, reported for the loss audit every few seconds.

A report is kept until an archiver says that it has compared it. Until then it is said again whenever one asks, because
it was started or was cut off, and whenever this writer's own connection is back: so what an archiver had heard when it
was killed is compared all the same, though there was no other one.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final, NamedTuple

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from runtime.audit_metrics import ARCHIVE, UNAUDITED
from runtime.cancelling import end_if_cancelled
from wire import subjects
from wire.audit import MAX_NUMBERS, MAX_VIDEOS, Acknowledged, encode_report, report_id

REPORT_EVERY_S: Final = 3.0
MAX_KEPT: Final = 5_000  # reports that are not known to have been compared; beyond that the oldest are forgotten
MAX_KEPT_BYTES: Final = 16 * 1024 * 1024  # … of all shards
KEPT_S: Final = 3_600.0  # as long as an archiver keeps one: what is much older may have been dropped by retention


class _Said(NamedTuple):
    shard: int
    data: bytes
    said_s: float


class AuditLog:
    """The numbers of all shards since the last report, and the reports that nobody has compared yet."""

    def __init__(self, connection: Client, shards: int) -> None:
        self._connection = connection
        self._videos: list[dict[str, Acknowledged]] = [{} for _ in range(shards)]
        self._left = [MAX_NUMBERS] * shards
        self._kept: dict[bytes, _Said] = {}  # by the reports' names, the oldest first
        self._kept_bytes = 0

    async def start(self) -> None:
        """Listen to archivers."""
        await self._connection.subscribe(subjects.audited("*"), cb=self._compared)
        await self._connection.subscribe(subjects.uncompared("*"), cb=self._asked)

    def note(self, shard: int, video: str, number: int, payload: bytes | None) -> None:
        """Note that a number was acknowledged; without the payload where it was stored before."""
        videos = self._videos[shard]
        acknowledged = videos.get(video)
        if self._left[shard] == 0 or (acknowledged is None and len(videos) >= MAX_VIDEOS):
            UNAUDITED.labels(ARCHIVE).inc()
            return
        if acknowledged is None:
            acknowledged = videos[video] = Acknowledged()
        self._left[shard] -= 1
        acknowledged.add(number, payload)

    async def run(self) -> None:
        """Report, for ever."""
        while True:
            end_if_cancelled()
            await asyncio.sleep(REPORT_EVERY_S)
            await self.report()

    async def report(self) -> None:
        """Report what there is. While NATS is away it gathers, within bounds."""
        for shard, videos in enumerate(self._videos):
            if videos and self._connection.is_connected:
                self._videos[shard], self._left[shard] = {}, MAX_NUMBERS
                report = encode_report(videos)
                try:
                    await self._connection.publish(subjects.audit(shard), report)
                except (nats.errors.Error, OSError):
                    UNAUDITED.labels(ARCHIVE).inc(sum(len(one.numbers) for one in videos.values()))
                else:
                    self._keep(shard, report)

    async def say_again(self, shard: int | None = None) -> None:
        """Say what is not known to have been compared, of one shard or of all, once more: to archivers alone."""
        self._forget_oldest()
        for said in list(self._kept.values()):
            if shard in (None, said.shard):
                try:
                    await self._connection.publish(subjects.audit_again(said.shard), said.data)
                except (nats.errors.Error, OSError):
                    return  # it is said when the connection is back

    def _keep(self, shard: int, report: bytes) -> None:
        self._forget(report_id(report))
        self._kept[report_id(report)] = _Said(shard, report, time.monotonic())
        self._kept_bytes += len(report)
        self._forget_oldest()

    def _forget_oldest(self) -> None:
        since_s = time.monotonic() - KEPT_S
        while self._kept:
            name, oldest = next(iter(self._kept.items()))
            if len(self._kept) <= MAX_KEPT and self._kept_bytes <= MAX_KEPT_BYTES and oldest.said_s >= since_s:
                return
            self._forget(name)

    def _forget(self, name: bytes) -> None:
        said = self._kept.pop(name, None)
        if said is not None:
            self._kept_bytes -= len(said.data)

    async def _compared(self, message: Msg) -> None:
        self._forget(message.data)

    async def _asked(self, message: Msg) -> None:
        shard = message.subject.rsplit(".", 1)[1]
        if shard.isdecimal():
            await self.say_again(int(shard))
