"""Lost last messages of quiet videos, found by asking.

A lost live copy shows when the next one of the video comes. After the last one none does, so the newest numbers of all
quiet videos of a shard are asked for at once: when something was stored in the shard, when a video was opened or became
quiet a moment ago, and after the connection to NATS was lost.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final

from edge.asked import INTERVAL_S, Asked
from edge.channels import Channels
from edge.feed import Feed
from edge.shortage import Shortage
from runtime.cancelling import end_if_cancelled
from runtime.jetstream import MULTI_LAST_MAX, Reader, StoreError
from runtime.logs import get_logger
from wire import subjects

QUIET_S: Final = 1.0  # a video from which nothing was heard for this long
VIDEOS_AT_ONCE: Final = MULTI_LAST_MAX
MANY_VIDEOS: Final = 200  # quiet ones of a shard: from there on what was stored in it is looked through first
FEW_MESSAGES: Final = 200  # if it is no more than that: reading them costs less than naming the videos
IN_FLIGHT_S: Final = 0.1  # a copy that is on its way when the answer comes is not lost

_log = get_logger("edge")


@dataclass(slots=True)
class Quiet:
    """The quiet videos of a shard, by their feeds, and what is found of them."""

    newest: int = 0  # the highest number that is here of any video of the shard
    fresh: list[Feed] = field(default_factory=list)  # they have not been asked for since they became quiet
    known: list[Feed] = field(default_factory=list)  # they have
    found: dict[Feed, int] = field(default_factory=dict)  # the newest number that is stored of some


class Probe:
    """Asks, twice a second and within bounds, whether a quiet video has news that did not come."""

    def __init__(self, channels: Channels, reader: Reader, shortage: Shortage) -> None:
        self._channels = channels
        self._reader = reader
        self._shortage = shortage
        self._loop = asyncio.get_running_loop()
        self._woken = asyncio.Event()
        self._asked: dict[int, Asked] = {}  # by shard

    def wake(self) -> None:
        """Ask now, about every video: the connection was lost, and with it any number of copies."""
        for asked in self._asked.values():
            asked.forget()
        self._woken.set()

    async def run(self) -> None:
        """Ask for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(INTERVAL_S):
                    await self._woken.wait()
            end_if_cancelled()
            self._woken.clear()
            now = self._loop.time()
            by_shard = self._quiet_videos(now)
            # At the same time: where the servers of one shard are silent, the others are not to wait for it.
            await asyncio.gather(*(self._ask_if_it_can_be(shard, quiet, now) for shard, quiet in by_shard.items()))
            behind = [pair for quiet in by_shard.values() for pair in quiet.found.items() if pair[1] > pair[0].newest]
            if behind:
                await asyncio.sleep(IN_FLIGHT_S)
                for feed, number in behind:
                    feed.reach(number)

    def _quiet_videos(self, now: float) -> dict[int, Quiet]:
        by_shard: dict[int, Quiet] = {}
        for video in self._channels.open.values():
            feed = video.feed
            if not feed.is_open:
                feed.asked = None
                continue
            shard = feed.channel.shard
            quiet = by_shard.get(shard)
            if quiet is None:
                quiet = by_shard[shard] = Quiet()
            quiet.newest = max(quiet.newest, feed.newest)
            if feed.asked is not None:
                quiet.known.append(feed)
            elif feed.heard_at <= now - QUIET_S:
                quiet.fresh.append(feed)
        return by_shard

    async def _ask_if_it_can_be(self, shard: int, quiet: Quiet, now: float) -> None:
        try:
            await self._ask(shard, quiet, now)
        except StoreError as error:
            _log.warning("cannot ask for the newest numbers", shard=shard, reason=str(error))

    async def _ask(self, shard: int, quiet: Quiet, now: float) -> None:
        newest_of_shard = await self._reader.newest_of_shard(shard)
        await self._shortage.look_into(shard, quiet.newest, newest_of_shard)
        # With thousands of videos, asking for each one's newest message every time would cost more than all live
        # copies. So one that has just become quiet is asked for what is above its own newest; after that only for
        # what was stored since.
        for some in _portions(sorted(quiet.fresh, key=attrgetter("newest"))):
            await self._look(shard, some, some[0].newest, quiet)
        asked = self._asked.setdefault(shard, Asked())
        upto = asked.upto(now)
        if newest_of_shard > upto and quiet.known:
            await self._look_at_known(shard, quiet, upto)
        asked.note(now, newest_of_shard)
        for feed in quiet.fresh:
            if feed.heard_at <= now - QUIET_S:
                feed.asked = asked
        for feed, number in quiet.found.items():
            if number > feed.newest:
                feed.asked = None

    async def _look_at_known(self, shard: int, quiet: Quiet, above: int) -> None:
        if above and len(quiet.known) > MANY_VIDEOS and await self._look_through(shard, above, quiet):
            return
        for some in _portions(quiet.known):
            await self._look(shard, some, above, quiet)

    async def _look_through(self, shard: int, above: int, quiet: Quiet) -> bool:
        """Look for quiet videos in all that was stored in a shard. Returns False where that is too much."""
        messages, more = await self._reader.after(shard, "*", above, FEW_MESSAGES)
        if more:
            return False
        for message in messages:
            video = self._channels.open.get(subjects.video_of(message.subject))
            if video is not None and video.feed.is_open and video.feed.asked is not None:
                quiet.found[video.feed] = message.number
        return True

    async def _look(self, shard: int, feeds: list[Feed], above: int, quiet: Quiet) -> None:
        named = {feed.channel.video: feed for feed in feeds}
        for name, message in (await self._reader.newest_of(shard, list(named), above)).items():
            quiet.found[named[name]] = message.number


def _portions(feeds: list[Feed]) -> Iterator[list[Feed]]:
    for place in range(0, len(feeds), VIDEOS_AT_ONCE):
        yield feeds[place : place + VIDEOS_AT_ONCE]
