"""Lost last messages of quiet videos, found by asking.

A lost live copy shows when the next one of the video comes. After the last one none does, so the newest numbers of all
quiet videos of a shard are asked for at once: when the shard's own newest number has moved, when a video was opened a
moment ago, and after the connection to NATS was lost.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Final

from edge.channels import Channels, OpenVideo
from edge.shortage import Shortage
from runtime.cancelling import end_if_cancelled
from runtime.jetstream import MULTI_LAST_MAX, Reader, StoreError
from runtime.logs import get_logger

INTERVAL_S: Final = 0.5
QUIET_S: Final = 1.0  # a video from which nothing was heard for this long
VIDEOS_AT_ONCE: Final = MULTI_LAST_MAX
LAG_S: Final = 5.0  # a replica that answers may be behind its leader by so much

_log = get_logger("edge")


@dataclass(slots=True)
class _Asked:
    """Up to which number the quiet videos of a shard need not be asked for again."""

    upto: int = 0
    _next: int = 0
    _next_at: float = 0.0

    def note(self, now: float, number: int) -> None:
        """All of them were asked for just now, and `number` was the shard's newest before that."""
        if now - self._next_at >= LAG_S:
            self.upto, self._next, self._next_at = self._next, number, now


class Probe:
    """Asks, twice a second and within bounds, whether a quiet video has news that did not come."""

    def __init__(self, channels: Channels, reader: Reader, shortage: Shortage) -> None:
        self._channels = channels
        self._reader = reader
        self._shortage = shortage
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()
        self._seen: dict[int, int] = {}  # the newest number of a shard, when all its quiet videos were asked last
        self._asked: dict[int, _Asked] = {}  # by shard

    def wake(self) -> None:
        """Ask now, about every video: the connection was lost, and with it any number of copies."""
        self._seen.clear()
        self._asked.clear()
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
                else:
                    video.feed.was_asked_for = False
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
        now = self._loop.time()
        quiet_since = now - QUIET_S
        quiet = [video for video in videos if video.feed.heard_at <= quiet_since]
        asked = self._asked.setdefault(shard, _Asked())
        # Of those asked for before, only what has been stored since: with thousands of videos the rest would cost
        # more than all live copies.
        await self._reach([video for video in quiet if not video.feed.was_asked_for], shard, 0)
        await self._reach([video for video in quiet if video.feed.was_asked_for], shard, asked.upto)
        for video in quiet:
            video.feed.was_asked_for = True
        asked.note(now, newest_of_shard)
        if len(quiet) == len(videos):
            self._seen[shard] = newest_of_shard

    async def _reach(self, videos: list[OpenVideo], shard: int, above: int) -> None:
        for place in range(0, len(videos), VIDEOS_AT_ONCE):
            some = {video.channel.video: video for video in videos[place : place + VIDEOS_AT_ONCE]}
            for name, stored in (await self._reader.newest_of(shard, list(some), above)).items():
                some[name].feed.reach(stored.number)
