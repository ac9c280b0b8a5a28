"""How quiet videos are asked for, and up to which number they need not be asked for again."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from edge.probe import FEW_MESSAGES, INTERVAL_S, LAG_S, LONG_EVERY_S, LONG_LAG_S, MANY_VIDEOS, QUIET_S, Asked, Probe
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
    was_asked_for = False
    vouched_at = 0.0

    def __init__(self, newest: int, heard_at: float) -> None:
        self.newest = newest
        self.heard_at = heard_at


class Store:
    """What a shard's stream holds, and what it is asked."""

    def __init__(self) -> None:
        self.stored: list[Stored] = []
        self.named = 0

    def add(self, number: int, video: str) -> None:
        self.stored.append(Stored(number, subjects.comments(SHARD, video), 0, b"", {}))

    async def newest_of_shard(self, shard: int) -> int:
        return self.stored[-1].number

    async def newest_of(self, shard: int, videos: Sequence[str], above: int = 0) -> dict[str, Stored]:
        self.named += len(videos)
        found = {subjects.video_of(one.subject): one for one in self.stored if one.number > above}
        return {video: one for video, one in found.items() if video in videos}

    async def after(self, shard: int, video: str, number: int, limit: int) -> tuple[list[Stored], int]:
        found = [one for one in self.stored if one.number > number]
        return found[:limit], len(found[limit:])


@pytest.mark.parametrize("meanwhile", [FEW_MESSAGES - 2, FEW_MESSAGES + 2])
async def test_a_lost_last_message_of_one_of_many_quiet_videos_is_found_however_much_others_say(meanwhile):
    store = Store()
    now = asyncio.get_running_loop().time()
    videos = {}
    for place in range(QUIET):
        name = f"quiet-{place}"
        store.add(place + 1, name)
        feed = Feed(place + 1, now - 60)
        videos[name] = SimpleNamespace(feed=feed, channel=SimpleNamespace(shard=SHARD, video=name))
    channel = SimpleNamespace(shard=SHARD, video="busy")
    busy = videos["busy"] = SimpleNamespace(feed=Feed(0, now + 60), channel=channel)
    shortage = SimpleNamespace(look_into=_nothing)
    probe = Probe(SimpleNamespace(open=videos), store, shortage)  # type: ignore[arg-type]
    probe._asked[SHARD] = asked = Asked()
    found: dict = {}
    await probe._ask(SHARD, list(videos.values()), found)
    assert not any(number > feed.newest for feed, number in found.items())
    assert store.named == QUIET
    asked._notes[0] = (now - LAG_S - QUIET_S, QUIET)  # that was a while ago
    asked._long_at = now
    for number in range(QUIET + 1, QUIET + meanwhile):
        store.add(number, "busy")
    lost = QUIET + meanwhile
    store.add(lost, "quiet-7")
    store.named = 0
    for video in videos.values():
        video.feed.vouched_at = 0.0
    await probe._ask(SHARD, list(videos.values()), found)
    behind = {feed for feed, number in found.items() if number > feed.newest}
    assert behind == {videos["quiet-7"].feed}, "and the busy one's copies are on their way"
    assert found[videos["quiet-7"].feed] == lost
    assert videos["quiet-7"].feed.vouched_at == 0
    assert videos["quiet-8"].feed.vouched_at >= now
    assert busy.feed.vouched_at == 0
    assert bool(store.named) == (meanwhile > FEW_MESSAGES)


async def _nothing(*_: object) -> None:
    pass
