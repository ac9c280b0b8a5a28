"""Lost last messages of quiet videos, found by asking.

A lost live copy shows when the next one of the video comes. After the last one none does, so the newest numbers of all
quiet videos of a shard are asked for at once: when the shard's own newest number has moved, when a video was opened a
moment ago, and after the connection to NATS was lost.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from edge.channels import Channels, OpenVideo
from edge.shortage import Shortage
from runtime.cancelling import end_if_cancelled
from runtime.jetstream import MULTI_LAST_MAX, Reader, StoreError
from runtime.logs import get_logger

INTERVAL_S: Final = 0.5
QUIET_S: Final = 1.0  # a video from which nothing was heard for this long
VIDEOS_AT_ONCE: Final = MULTI_LAST_MAX

_log = get_logger("edge")


class Probe:
    """Asks, twice a second and within bounds, whether a quiet video has news that did not come."""

    def __init__(self, channels: Channels, reader: Reader, shortage: Shortage) -> None:
        self._channels = channels
        self._reader = reader
        self._shortage = shortage
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()
        self._seen: dict[int, int] = {}  # the newest number of a shard, when all its quiet videos were asked last

    def wake(self) -> None:
        """Ask now, about every video: the connection was lost, and with it any number of copies."""
        self._seen.clear()
        self._woken.set()

    async def run(self) -> None:
        """Ask for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(INTERVAL_S):
                    await self._woken.wait()
            end_if_cancelled()
            self._woken.clear()
            by_shard: dict[int, list[OpenVideo]] = {}
            for video in self._channels.open.values():
                if video.feed.is_open:
                    by_shard.setdefault(video.channel.shard, []).append(video)
            for shard, videos in by_shard.items():
                try:
                    await self._ask(shard, videos)
                except StoreError as error:
                    _log.warning("cannot ask for the newest numbers", shard=shard, reason=str(error))

    async def _ask(self, shard: int, videos: list[OpenVideo]) -> None:
        newest_here = max(video.feed.newest for video in videos)
        newest_of_shard = await self._reader.newest_of_shard(shard)
        await self._shortage.look_into(shard, newest_here, newest_of_shard)
        if self._seen.get(shard) == newest_of_shard and all(video.feed.was_asked_for for video in videos):
            return
        quiet_since = self._loop.time() - QUIET_S
        quiet = [video for video in videos if video.feed.heard_at <= quiet_since]
        for place in range(0, len(quiet), VIDEOS_AT_ONCE):
            asked = {video.channel.video: video for video in quiet[place : place + VIDEOS_AT_ONCE]}
            for name, stored in (await self._reader.newest_of(shard, list(asked))).items():
                asked[name].feed.reach(stored.number)
            for video in asked.values():
                video.feed.was_asked_for = True
        if len(quiet) == len(videos):
            self._seen[shard] = newest_of_shard
