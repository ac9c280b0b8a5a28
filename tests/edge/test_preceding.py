"""What a sampler has counted before it chooses is the same on every edge, whoever answered that edge."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge import preceding
from edge.preceding import count_newest, count_preceding
from edge.replays import READ_BATCH, Replays
from runtime import jetstream
from runtime.jetstream import Reader, StoreAwayError, Stored
from tests.edge.shard import POSTED_MS, SHARD, VIDEO, Shard
from wire import subjects
from wire.sampling import Sampler, window_begin_ms

RATE = 20
LIMIT = 20_000


def replays(shard: Shard) -> Replays:
    return Replays(shard, shard, history_pauses_s=())  # type: ignore[arg-type]


def counted(numbers: list[int], upto: int, posted_ms: int) -> list[int]:
    """Return what a sampler has counted that was told all that matters."""
    sampler = Sampler(RATE)
    for number in numbers:
        if number <= upto and POSTED_MS + number >= window_begin_ms(posted_ms):
            sampler.count(POSTED_MS + number)
    return sampler.counted


@pytest.fixture
def any_time_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preceding, "LONG_AGO_MS", float("inf"))


async def test_a_replica_that_lags_does_not_know_the_newest_and_its_leader_does():
    shard = Shard(list(range(1, 11)))
    shard.lag = 3
    assert await replays(shard).stored_at(SHARD, VIDEO, 10) == POSTED_MS + 10


async def test_a_newest_one_that_was_trimmed_was_stored_at_no_time_that_matters():
    shard = Shard([1, 2, 3])
    shard.first = 50
    assert await replays(shard).stored_at(SHARD, VIDEO, 3) is None
    assert await replays(shard).stored_at(SHARD, VIDEO, 49) is None


async def test_a_newest_one_that_was_removed_meanwhile_is_not_taken_for_a_trimmed_one():
    shard = Shard([1, 2, 12])  # 10 was the newest, and 12 is what removed it
    with pytest.raises(StoreAwayError):
        await replays(shard).stored_at(SHARD, VIDEO, 10)


class Lagging(Reader):
    """A reader whom a replica answers that has nothing yet; what its leader says is the leader's word."""

    async def after(self, shard: int, video: str, number: int, limit: int) -> tuple[list[Stored], int]:
        return [], 0


async def test_a_real_streams_leader_says_when_the_newest_was_stored_and_whether_it_is_there(connection, store, video):
    shard = store.shard(video)
    first, newest = await store.post_many(video, 2)
    reader = Reader(connection)
    await reader.start()
    [stored], _ = await reader.after(shard, video, newest - 1, 1)
    lagging = Replays(connection, Lagging(connection))
    assert await lagging.stored_at(shard, video, newest) == stored.posted_ms
    await jetstream.erase(connection, shard, first)
    with pytest.raises(StoreAwayError):
        await lagging.stored_at(shard, video, first)
    await jetstream.api(connection, f"STREAM.PURGE.{subjects.stream_name(shard)}", {"seq": newest + 1})
    assert await lagging.stored_at(shard, video, newest) is None


async def test_what_all_replicas_lag_behind_is_not_counted_short():
    shard = Shard(list(range(1, 11)))
    shard.lag = 3
    with pytest.raises(StoreAwayError):
        await replays(shard).times(SHARD, VIDEO, 10, POSTED_MS, LIMIT)
    shard.lag = 10
    with pytest.raises(StoreAwayError):
        await replays(shard).times(SHARD, VIDEO, 10, POSTED_MS, LIMIT)
    shard.lag = 0
    assert await replays(shard).times(SHARD, VIDEO, 10, POSTED_MS, LIMIT) == [POSTED_MS + one for one in range(1, 11)]


async def test_a_replica_that_lags_is_read_on_from_when_it_has_got_further():
    shard = Shard(list(range(1, 3 * READ_BATCH)))
    lags = itertools.chain([2 * READ_BATCH, READ_BATCH], itertools.repeat(0))

    def get_further() -> None:
        shard.lag = next(lags)

    shard.before_each = get_further
    upto = shard.numbers[-1]
    assert await replays(shard).times(SHARD, VIDEO, upto, POSTED_MS, LIMIT) == [POSTED_MS + n for n in shard.numbers]


async def test_an_end_between_two_comments_is_reached_without_another_word_of_the_leader():
    shard = Shard([1, 2, 3, 9])
    assert await replays(shard).times(SHARD, VIDEO, 5, POSTED_MS, LIMIT) == [POSTED_MS + n for n in (1, 2, 3)]
    assert shard.asked <= 3  # the messages, the stream's first one, and history


async def test_a_video_is_opened_with_the_count_of_all_edges_or_not_yet(any_time_ago):
    shard = Shard(list(range(1, 301)))
    shard.lag = 1
    sampler = Sampler(RATE)
    with pytest.raises(StoreAwayError):
        await count_newest(sampler, replays(shard), SHARD, VIDEO, 300)
    shard.lag = 0
    await count_newest(sampler, replays(shard), SHARD, VIDEO, 300)
    assert sampler.counted == counted(shard.numbers, 300, POSTED_MS + 300)


@settings(max_examples=300, deadline=None)
@given(
    numbers=st.lists(st.integers(1, 6_000), min_size=1, max_size=60, unique=True).map(sorted),
    place=st.integers(0, 59),
    lags=st.lists(st.integers(0, 20), max_size=8),
    trims=st.lists(st.tuples(st.integers(1, 12), st.integers(1, 6_100)), max_size=3),
    page_limit=st.sampled_from([1, 3, 1_000]),
)
async def test_whoever_lags_and_whatever_is_trimmed_what_is_counted_is_all_or_not_said(
    numbers, place, lags, trims, page_limit
):
    shard = Shard(numbers)
    shard.through = numbers[-1]
    shard.page_limit = page_limit
    lag = itertools.chain(lags, itertools.repeat(0))

    def go_on() -> None:
        shard.lag = next(lag)
        for call, first in trims:
            if shard.asked == call:
                shard.first = max(shard.first, first)

    shard.before_each = go_on
    before = numbers[min(place, len(numbers) - 1)]
    sampler = Sampler(RATE)
    try:
        await count_preceding(sampler, replays(shard), SHARD, VIDEO, before - 1, POSTED_MS + before)
    except StoreAwayError:
        assert lags
        return
    assert sampler.counted == counted(numbers, before - 1, POSTED_MS + before)
