"""Videos that are let go: nothing of them stays."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from edge.channels import Channels, OpenVideo
from edge.replays import Replays
from runtime.settings import Settings
from tests.edge.shard import SHARD, VIDEO, Shard
from tests.edge.test_intake import LiveCopies
from tests.edge.waiting import until


class Closing(LiveCopies):
    """A connection on which copies come until the last moment, and after it."""

    channels: Channels

    async def subscribe(self, subject: str, **options) -> SimpleNamespace:
        subscription = await super().subscribe(subject, **options)
        unsubscribe = subscription.unsubscribe

        async def unsubscribe_late() -> None:
            await self.bring(3, 2)
            await unsubscribe()
            await self.bring(4, 3)

        return SimpleNamespace(unsubscribe=unsubscribe_late)


@pytest.fixture
def copies() -> Closing:
    return Closing()


@pytest.fixture
async def channels(copies: Closing) -> Channels:
    return make_channels(copies, linger_s=0)


def make_channels(copies: LiveCopies, **limits: int) -> Channels:
    shard = Shard([1])
    settings = Settings(shards=1, readable_rate=0, **limits)
    shortage = SimpleNamespace(found=lambda *_: None)
    return Channels(copies, Replays(shard, shard, ()), settings, shortage, None)  # type: ignore[arg-type]


async def test_of_a_video_that_was_let_go_nothing_stays_in_memory_whatever_still_comes(channels, copies):
    held = channels.claim(VIDEO)
    assert held.channel.shard == SHARD
    await held.feed.opened()
    await copies.bring(2, 1)
    assert channels._memory.held_bytes > 0
    channels.release(held)
    await until(lambda: VIDEO not in channels.open)
    await copies.bring(3, 2)  # comes before the feed could be closed
    await until(lambda: copies.unsubscribed == 1 and not channels._closing)
    await copies.bring(5, 4)  # what nats-py still had
    await copies.bring(9, 8)
    assert channels._memory.held_bytes == 0
    assert not channels._memory._rings
    assert held.feed.is_open, "nothing is fetched for it either"


class Unsearchable(dict[str, OpenVideo]):
    """Videos that may be asked for by their names alone."""

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("all videos are gone through, for each viewer that comes")

    keys = values = items = __iter__  # type: ignore[assignment]


async def test_an_edge_full_of_videos_looks_at_none_of_them_to_make_room():
    channels = make_channels(LiveCopies(), videos_per_edge=3, linger_s=600)
    channels.open = Unsearchable()
    held = [channels.claim(f"v{place}") for place in range(3)]
    assert channels.claim("v3") is None, "all are watched"
    for one in (held[1], held[0]):
        channels.release(one)
    assert channels.claim("v1") is held[1], "it has been kept"
    channels.release(held[1])
    assert channels.claim("v3") is not None
    assert "v0" not in channels.open, "the one that nobody has watched for longest makes room"
    assert channels.claim("v4") is not None
    assert "v1" not in channels.open
    assert channels.claim("v5") is None
    assert not channels._idle


async def test_a_video_that_is_let_go_in_time_makes_room_once():
    channels = make_channels(LiveCopies(), videos_per_edge=1, linger_s=0)
    channels.release(channels.claim("v0"))
    await until(lambda: not channels.open)
    assert not channels._idle
    assert channels.claim("v1") is not None
    assert channels.claim("v0") is None
