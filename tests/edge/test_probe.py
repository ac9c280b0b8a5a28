"""How quiet videos are asked for, and up to which number they need not be asked for again."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from edge.asked import INTERVAL_S, LAG_S, LONG_EVERY_S, LONG_LAG_S, Asked
from edge.probe import FEW_MESSAGES, MANY_VIDEOS, Probe
from runtime.jetstream import Stored
from wire import subjects

BEGAN = 1000.0


def numbers_asked_above(seconds: float) -> list[tuple[float, int]]:
    """When a shard's number is asked for at the probe's pace: the times, and above which number was asked."""
    asked, told = Asked(), []
    for turn in range(int(seconds / INTERVAL_S)):
        now = BEGAN + turn * INTERVAL_S
        told.append((now, asked.upto(now)))
        asked.note(now, int(now * 1000))  # a message a millisecond
    return told


def test_all_is_asked_for_until_a_number_is_old_enough():
    assert all(upto == 0 for now, upto in numbers_asked_above(LAG_S))


def test_what_was_stored_a_moment_ago_is_asked_for_again_but_not_what_is_older():
    late = [(now, upto) for now, upto in numbers_asked_above(60) if now > BEGAN + LONG_LAG_S + LONG_EVERY_S]
    lags = [now - upto / 1000 for now, upto in late]
    assert min(lags) >= LAG_S
    assert sorted(lags)[len(lags) // 2] <= LAG_S + INTERVAL_S


def test_whatever_was_stored_is_asked_for_when_replicas_have_it_as_a_rule():
    told = numbers_asked_above(30)
    for stored_ms in range(int(BEGAN * 1000) + 1, int(BEGAN * 1000) + 25_000, 25):
        last_s = max(now for now, upto in told if upto < stored_ms <= now * 1000)
        assert last_s * 1000 - stored_ms >= LAG_S * 1000


def test_now_and_then_more_is_asked_for_again():
    late = [(now, upto) for now, upto in numbers_asked_above(120) if now > BEGAN + LONG_LAG_S + LONG_EVERY_S]
    long_ones = [now for now, upto in late if now - upto / 1000 >= LONG_LAG_S]
    assert long_ones
    assert max(b - a for a, b in itertools.pairwise(long_ones)) <= LONG_EVERY_S + INTERVAL_S


def test_no_number_is_left_out_when_asking_fails_for_a_while():
    asked = Asked()
    asked.note(BEGAN, 100)
    assert asked.upto(BEGAN + 50) <= 100


SHARD = 3
QUIET = MANY_VIDEOS + 50


class Feed:
    """A video's feed, as the probe sees it."""

    is_open = True

    def __init__(self, video: str, newest: int, heard_at: float) -> None:
        self.channel = SimpleNamespace(shard=SHARD, video=video)
        self.newest = newest
        self.heard_at = heard_at
        self.asked: Asked | None = None


class Store:
    """What a shard's stream holds, and what it is asked."""

    def __init__(self) -> None:
        self.stored: list[Stored] = []
        self.lag = 0  # how many of them a replica does not have yet that is asked for videos
        self.named = 0

    def add(self, number: int, video: str) -> None:
        self.stored.append(Stored(number, subjects.comments(SHARD, video), 0, b"", {}))

    async def newest_of_shard(self, shard: int) -> int:
        return self.stored[-1].number

    async def newest_of(self, shard: int, videos: Sequence[str], above: int = 0) -> dict[str, Stored]:
        self.named += len(videos)
        found = {subjects.video_of(one.subject): one for one in self._there if one.number > above}
        return {video: one for video, one in found.items() if video in videos}

    async def after(self, shard: int, video: str, number: int, limit: int) -> tuple[list[Stored], int]:
        found = [one for one in self._there if one.number > number]
        return found[:limit], len(found[limit:])

    @property
    def _there(self) -> list[Stored]:
        return self.stored[: len(self.stored) - self.lag]


class Probed:
    """Quiet videos with a comment each, asked for until it is known that they have no more."""

    def __init__(self, videos: int) -> None:
        self.now = asyncio.get_running_loop().time()
        self.store = Store()
        self.feeds: dict[str, Feed] = {}
        for place in range(videos):
            self.store.add(place + 1, f"quiet-{place}")
            self.feeds[f"quiet-{place}"] = Feed(f"quiet-{place}", place + 1, self.now - 60)
        channels = SimpleNamespace(open={})
        self.probe = Probe(channels, self.store, SimpleNamespace(look_into=_nothing))  # type: ignore[arg-type]
        self.open = channels.open

    async def ask(self) -> list[object]:
        """Ask once; return those that were found to be behind."""
        self.open |= {name: SimpleNamespace(feed=feed) for name, feed in self.feeds.items()}
        self.store.named = 0
        self.now += INTERVAL_S
        quiet = self.probe._quiet_videos(self.now)[SHARD]
        await self.probe._ask(SHARD, quiet, self.now)
        return [feed for feed, number in quiet.found.items() if number > feed.newest]

    async def settle(self) -> None:
        """Ask until nothing needs to be asked for."""
        assert await self.ask() == []
        assert self.store.named == len(self.feeds), "each is asked for when it has become quiet"
        async with asyncio.timeout(5):
            while self.store.named:
                assert await self.ask() == []


@pytest.mark.parametrize("meanwhile", [FEW_MESSAGES - 2, FEW_MESSAGES + 2])
async def test_a_lost_last_message_of_one_of_many_quiet_videos_is_found_however_much_others_say(meanwhile):
    probed = Probed(QUIET)
    await probed.settle()
    busy = probed.feeds["busy"] = Feed("busy", 0, probed.now + 60)
    for number in range(QUIET + 1, QUIET + meanwhile):
        probed.store.add(number, "busy")
    probed.store.add(QUIET + meanwhile, "quiet-7")
    lacking = probed.feeds["quiet-7"]
    assert await probed.ask() == [lacking], "and the busy one's copies are on their way"
    assert bool(probed.store.named) == (meanwhile > FEW_MESSAGES)
    assert lacking.asked is None
    assert probed.feeds["quiet-8"].asked is probed.probe._asked[SHARD]
    assert probed.probe._asked[SHARD].at == probed.now
    assert busy.asked is None


@pytest.mark.parametrize("videos", [3, QUIET], ids=["few videos", "many videos"])
async def test_a_lost_last_message_is_found_though_the_replica_that_was_asked_first_did_not_have_it(videos):
    """Nothing else is stored in the shard that would have it looked at again."""
    probed = Probed(videos)
    await probed.settle()
    probed.store.add(videos + 1, "quiet-1")
    probed.store.lag = 1
    assert await probed.ask() == []
    probed.store.lag = 0
    assert await probed.ask() == [probed.feeds["quiet-1"]]


async def test_after_the_connection_was_lost_all_are_asked_for_and_nobody_vouches_for_them_before():
    probed = Probed(3)
    await probed.settle()
    probed.probe.wake()
    assert probed.feeds["quiet-1"].asked is not None
    assert probed.feeds["quiet-1"].asked.at < 0
    probed.feeds["quiet-1"].newest = 1  # what came meanwhile was lost, and the shard's newest is what it was
    assert await probed.ask() == [probed.feeds["quiet-1"]]


async def _nothing(*_: object) -> None:
    pass
