"""What this writer has acknowledged, reported for the loss audit every few seconds."""

from __future__ import annotations

import asyncio
from typing import Final

import nats.errors
from nats.aio.client import Client

from runtime.audit_metrics import ARCHIVE, UNAUDITED
from runtime.cancelling import end_if_cancelled
from wire import subjects
from wire.audit import MAX_NUMBERS, MAX_VIDEOS, Acknowledged, encode_report

REPORT_EVERY_S: Final = 3.0


class AuditLog:
    """The numbers of all shards since the last report."""

    def __init__(self, connection: Client, shards: int) -> None:
        self._connection = connection
        self._videos: list[dict[str, Acknowledged]] = [{} for _ in range(shards)]
        self._left = [MAX_NUMBERS] * shards

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
                try:
                    await self._connection.publish(subjects.audit(shard), encode_report(videos))
                except (nats.errors.Error, OSError):
                    UNAUDITED.labels(ARCHIVE).inc(sum(len(one.numbers) for one in videos.values()))
