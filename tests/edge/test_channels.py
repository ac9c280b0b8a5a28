"""Videos that are let go: nothing of them stays."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from edge.channels import Channels
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
    shard = Shard([1])
    settings = Settings(shards=1, linger_s=0, readable_rate=0)
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
