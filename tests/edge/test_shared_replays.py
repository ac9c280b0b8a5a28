"""A replay out of what others were read is the same as one that is read alone, and costs nothing but the writing."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge import pieces
from edge.pieces import Piece, Pieces
from edge.ring_memory import RingMemory
from edge.shared_replays import SLACK, SharedReplays
from runtime.jetstream import StoreAwayError
from tests.edge.shard import SHARD, VIDEO, Shard
from tests.edge.test_replays_logic import check_honest, missing, numbers, replays, shards
from wire.sampling import Sampler


def opened(memory: RingMemory | None = None) -> Any:
    return SimpleNamespace(channel=SimpleNamespace(shard=SHARD, video=VIDEO), pieces=Pieces(memory or RingMemory()))


def shared(shard: Shard, readable_rate: float = 0) -> SharedReplays:
    def make_sampler() -> Sampler | None:
        return Sampler(readable_rate) if readable_rate else None

    return SharedReplays(replays(shard), make_sampler, is_shared=True)


async def gather(replays: SharedReplays, video: Any, after: int, upto: int, limit: int = 10_000) -> list[Piece]:
    came = []
    async for piece in replays.pieces(video, after, upto, limit):
        came.append(piece)
        await asyncio.sleep(0)  # others go on meanwhile
    return came


async def test_a_thousand_viewers_behind_the_same_cost_one_reading():
    shard = Shard(list(range(1, 3_001)))
    reader, video = shared(shard), opened()
    await gather(reader, video, 100, 3_000)
    asked = shard.asked
    for came in await asyncio.gather(*(gather(reader, video, 100 + n % 7, 3_000) for n in range(1_000))):
        assert numbers(came)[-1] == 3_000
    assert shard.asked == asked


async def test_a_thousand_viewers_who_come_at_the_same_moment_cost_one_reading():
    alone = Shard(list(range(1, 3_001)))
    await gather(shared(alone), opened(), 100, 3_000)
    shard = Shard(list(range(1, 3_001)))
    reader, video = shared(shard), opened()
    for came in await asyncio.gather(*(gather(reader, video, 100, 3_000) for _ in range(1_000))):
        assert numbers(came) == list(range(101, 3_001))
    assert shard.asked == alone.asked


async def test_what_history_has_is_shared_too():
    shard = Shard(list(range(1, 5_001)))
    shard.first = shard.through = 4_000
    reader, video = shared(shard), opened()
    first = await gather(reader, video, 10, 5_000)
    asked = shard.asked
    second = await gather(reader, video, 700, 5_000)
    assert (numbers(first), numbers(second)) == (list(range(11, 5_001)), list(range(701, 5_001)))
    assert shard.asked == asked


async def test_what_is_shared_is_let_go_after_a_moment(monkeypatch):
    monkeypatch.setattr(pieces, "KEPT_S", 0.01)
    shard, memory = Shard(list(range(1, 1_001))), RingMemory()
    reader, video = shared(shard), opened(memory)
    await gather(reader, video, 0, 1_000)
    assert memory.held_bytes > 0
    asked = shard.asked
    await asyncio.sleep(0.05)
    assert memory.held_bytes == 0
    assert numbers(await gather(reader, video, 0, 1_000)) == list(range(1, 1_001))
    assert shard.asked > asked


async def test_no_more_is_kept_than_the_memory_for_it_and_every_replay_is_whole():
    memory = RingMemory(300_000)
    first, second = opened(memory), opened(memory)
    reader = shared(Shard(list(range(1, 3_001))))
    for video in (first, second, first):
        assert numbers(await gather(reader, video, 0, 3_000)) == list(range(1, 3_001))
        assert 0 < memory.held_bytes <= 300_000


async def test_one_that_is_too_deep_is_told_so_whatever_others_were_read():
    shard = Shard(list(range(1, 2_001)))
    reader, video = shared(shard), opened()
    await gather(reader, video, 0, 2_000)
    came = await gather(reader, video, 0, 2_000, 800)
    assert 760 <= len(numbers(came)) <= 800 * (1 + SLACK)
    assert missing(came) == [(1, numbers(came)[0] - 1)]


@pytest.mark.parametrize("first", [1, 3_001], ids=["in JetStream", "in history"])
async def test_a_thousand_who_are_too_deep_cost_one_reading_and_are_each_told_what_is_missing(first):
    shard = Shard(list(range(1, 3_001)))
    shard.first, shard.through = first, 3_000
    reader, video = shared(shard), opened()
    alone = await gather(reader, video, 0, 3_000, 1_500)
    assert numbers(alone)[-1] == 3_000
    asked = shard.asked
    for after, came in enumerate(
        await asyncio.gather(*(gather(reader, video, after, 3_000, 1_500) for after in range(1_000)))
    ):
        assert numbers(came) == numbers(alone)
        assert missing(came) == [(after + 1, numbers(alone)[0] - 1)]
    assert shard.asked == asked


async def test_what_was_cleared_while_it_was_read_is_not_kept():
    shard = Shard(list(range(1, 101)))
    reader, video = shared(shard), opened()
    shard.before_each = video.pieces.clear
    await gather(reader, video, 0, 100)
    assert video.pieces.find(0, 100, 10_000) is None


async def test_where_the_store_is_away_everybody_hears_of_it_and_can_try_again():
    shard = Shard(list(range(1, 101)))
    reader, video = shared(shard), opened()

    def away() -> None:
        raise StoreAwayError("away")

    shard.before_each = away
    heard = await asyncio.gather(*(gather(reader, video, 0, 100) for _ in range(5)), return_exceptions=True)
    assert [type(one) for one in heard] == [StoreAwayError] * 5
    shard.before_each = lambda: None
    assert len(numbers(await gather(reader, video, 0, 100))) == 100


@pytest.mark.parametrize("rate", [1, 10, 100])
async def test_the_sample_is_the_same_whoever_was_read_what(rate):
    shard = Shard(list(range(1, 2_501)))  # a thousand a second
    alone = [(piece.messages, piece.authors) for piece in await gather(shared(shard, rate), opened(), 300, 2_500)]
    wanted = {
        message.number: author for messages, authors in alone for message, author in zip(messages, authors, strict=True)
    }
    reader, video = shared(shard, rate), opened()
    for after in (1_700, 900, 1_234, 300, 2_100):
        for piece in await gather(reader, video, after, 2_500):
            for message, author in zip(piece.messages, piece.authors, strict=True):
                assert author == wanted[message.number], message.number


@settings(max_examples=150, deadline=None)
@given(
    shard=shards(),
    viewers=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), min_size=1, max_size=5),
    limit=st.sampled_from([1, 5, 20, 10_000]),
    kept_bytes=st.sampled_from([2_000, 1_000_000]),
    trims=st.lists(st.tuples(st.integers(1, 12), st.integers(1, 210)), max_size=3),
)
async def test_whoever_was_read_what_every_replay_is_honest(shard, viewers, limit, kept_bytes, trims):
    def trim() -> None:
        for call, first in trims:
            if shard.asked == call:
                shard.first = max(shard.first, first)

    shard.before_each = trim
    reader, video = shared(shard), opened(RingMemory(kept_bytes))
    coming = (gather(reader, video, after, after + depth, limit) for after, depth in viewers)
    for (after, depth), came in zip(viewers, await asyncio.gather(*coming), strict=True):
        check_honest(shard, came, after, after + depth)  # type: ignore[arg-type]
    video.pieces.clear()
    assert video.pieces.memory.held_bytes == 0
