"""Lost last messages of quiet videos, found by asking.

A lost live copy shows when the next one of the video comes. After the last one none does, so the newest numbers of all
quiet videos of a shard are asked for at once: when the shard's own newest number has moved, when a video was opened a
moment ago, and after the connection to NATS was lost.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from math import ceil
from operator import attrgetter
from typing import Final

from edge.channels import Channels, OpenVideo
from edge.feed import Feed
from edge.shortage import Shortage
from runtime.cancelling import end_if_cancelled
from runtime.jetstream import MULTI_LAST_MAX, Reader, StoreError
from runtime.logs import get_logger
from wire import subjects

INTERVAL_S: Final = 0.5
QUIET_S: Final = 1.0  # a video from which nothing was heard for this long
VIDEOS_AT_ONCE: Final = MULTI_LAST_MAX
MANY_VIDEOS: Final = 200  # quiet ones of a shard: from there on what was stored in it is looked through first
FEW_MESSAGES: Final = 100  # if it is no more than that: reading them costs less than naming the videos
LAG_S: Final = 0.5  # replicas that answer are less behind their leader, as a rule
LONG_LAG_S: Final = 20.0  # … and than this without exception: these are looked at again
LONG_EVERY_S: Final = 20.0  # … so often

IN_FLIGHT_S: Final = 0.1  # a copy that is on its way when the answer comes is not lost

_log = get_logger("edge")


class Asked:
    """Up to which number the quiet videos of a shard, asked for before, need not be asked for again.

    A video that is quiet is asked for each time, so what was stored up to one time was seen in the next: unless the
    replica that answered was behind its leader, for which the last `LAG_S` are looked at again, and now and then more.
    """

    def __init__(self) -> None:
        self._notes: deque[tuple[float, int]] = deque(maxlen=ceil(LONG_LAG_S / INTERVAL_S) + 1)
        self._long_at = -LONG_EVERY_S

    def upto(self, now: float) -> int:
        """Return that number; 0 for all."""
        lag_s = LAG_S
        if now - self._long_at >= LONG_EVERY_S:
            self._long_at = now
            lag_s = LONG_LAG_S
        return next((number for noted_at, number in reversed(self._notes) if now - noted_at >= lag_s), 0)

    def note(self, now: float, number: int) -> None:
        """All of them were asked for at this time, and `number` was the shard's newest before that."""
        self._notes.append((now, number))


class Probe:
    """Asks, twice a second and within bounds, whether a quiet video has news that did not come."""

    def __init__(self, channels: Channels, reader: Reader, shortage: Shortage) -> None:
        self._channels = channels
        self._reader = reader
        self._shortage = shortage
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()
        self._seen: dict[int, int] = {}  # the newest number of a shard, when all its quiet videos were asked last
        self._asked: dict[int, Asked] = {}  # by shard

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
            stored: dict[Feed, int] = {}
            # At the same time: where the servers of one shard are silent, the others are not to wait for it.
            await asyncio.gather(*(self._ask_if_it_can_be(shard, videos, stored) for shard, videos in by_shard.items()))
            if any(number > feed.newest for feed, number in stored.items()):
                await asyncio.sleep(IN_FLIGHT_S)
                for feed, number in stored.items():
                    feed.reach(number)

    async def _ask_if_it_can_be(self, shard: int, videos: list[OpenVideo], stored: dict[Feed, int]) -> None:
        try:
            await self._ask(shard, videos, stored)
        except StoreError as error:
            _log.warning("cannot ask for the newest numbers", shard=shard, reason=str(error))

    async def _ask(self, shard: int, videos: list[OpenVideo], stored: dict[Feed, int]) -> None:
        newest_here = max(video.feed.newest for video in videos)
        now = self._loop.time()
        newest_of_shard = await self._reader.newest_of_shard(shard)
        await self._shortage.look_into(shard, newest_here, newest_of_shard)
        if self._seen.get(shard) == newest_of_shard and all(video.feed.was_asked_for for video in videos):
            for video in videos:
                video.feed.vouched_at = now
            return
        quiet_since = now - QUIET_S
        quiet = [video for video in videos if video.feed.heard_at <= quiet_since]
        asked = self._asked.setdefault(shard, Asked())
        # With thousands of videos, asking for each one's newest message every time would cost more than all live
        # copies. So one that has just become quiet is asked for what is above its own newest; after that only for
        # what was stored since.
        fresh = [video for video in quiet if not video.feed.was_asked_for]
        fresh.sort(key=attrgetter("feed.newest"))
        for place in range(0, len(fresh), VIDEOS_AT_ONCE):
            some = fresh[place : place + VIDEOS_AT_ONCE]
            await self._look(shard, some, some[0].feed.newest, stored)
        upto = asked.upto(now)
        are_many = len(quiet) - len(fresh) > MANY_VIDEOS
        if not (are_many and upto and await self._look_through(shard, upto, quiet_since, stored)):
            known = [video for video in quiet if video.feed.was_asked_for]
            for place in range(0, len(known), VIDEOS_AT_ONCE):
                await self._look(shard, known[place : place + VIDEOS_AT_ONCE], upto, stored)
        for video in fresh:
            video.feed.was_asked_for = video.feed.heard_at <= quiet_since
        behind = {feed for feed, number in stored.items() if number > feed.newest}
        for video in quiet:
            if video.feed not in behind:
                video.feed.vouched_at = now
        asked.note(now, newest_of_shard)
        if len(quiet) == len(videos):
            self._seen[shard] = newest_of_shard

    async def _look_through(self, shard: int, above: int, quiet_since: float, stored: dict[Feed, int]) -> bool:
        """Look for quiet videos in all that was stored in a shard. Returns False where that is too much."""
        messages, more = await self._reader.after(shard, "*", above, FEW_MESSAGES)
        if more:
            return False
        for message in messages:
            video = self._channels.open.get(subjects.video_of(message.subject))
            if video is not None and video.feed.is_open and video.feed.heard_at <= quiet_since:
                stored[video.feed] = message.number
        return True

    async def _look(self, shard: int, videos: list[OpenVideo], above: int, stored: dict[Feed, int]) -> None:
        feeds = {video.channel.video: video.feed for video in videos}
        for name, message in (await self._reader.newest_of(shard, list(feeds), above)).items():
            stored[feeds[name]] = message.number
