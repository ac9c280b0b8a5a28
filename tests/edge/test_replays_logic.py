"""What a replay holds, and what it says that it lacks, is the whole truth: wherever the comments lie."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.archive import HistoryAwayError
from edge.messages import Part
from edge.replays import Replays
from runtime.jetstream import StoreAwayError
from tests.edge.shard import SHARD, VIDEO, Shard


def replays(shard: Shard) -> Replays:
    return Replays(shard, shard, history_pauses_s=())  # type: ignore[arg-type]


async def gather(shard: Shard, after: int, upto: int, limit: int = 10_000) -> list[Part]:
    return [part async for part in replays(shard).parts(SHARD, VIDEO, after, upto, limit)]


def numbers(parts: list[Part]) -> list[int]:
    return [message.number for part in parts for message in part.messages]


def missing(parts: list[Part]) -> list[tuple[int, int]]:
    return [part.missing for part in parts if part.missing is not None]


def check_honest(shard: Shard, parts: list[Part], after: int, upto: int) -> None:
    """Every comment between the two numbers comes once, in order, or lies in a range that is told to be missing."""
    reached = after
    for part in parts:
        assert part.upto >= reached
        if part.missing is not None:
            first, last = part.missing
            assert first == reached + 1
            assert first <= last <= part.upto
            reached = last
        for message in part.messages:
            assert reached < message.number <= part.upto
            reached = message.number
        reached = part.upto
    assert reached == max(after, upto)
    came = set(numbers(parts))
    for number in shard.numbers:
        if after < number <= upto and number not in came:
            assert any(first <= number <= last for first, last in missing(parts)), number
    assert came <= set(shard.numbers)


async def test_a_short_replay_comes_from_the_stream_with_one_read():
    shard = Shard([10, 12, 20])
    parts = await gather(shard, 9, 20)
    assert numbers(parts) == [10, 12, 20]
    assert not missing(parts)
    assert shard.asked == 2  # the messages, and the stream's first number after them


async def test_a_replay_leaves_out_what_is_above_its_end():
    shard = Shard([10, 12, 20])
    assert numbers(await gather(shard, 10, 15)) == [12]


async def test_a_part_that_the_stream_has_trimmed_comes_from_history():
    shard = Shard(list(range(1, 51)))
    shard.first, shard.through = 31, 40
    parts = await gather(shard, 5, 50)
    assert numbers(parts) == list(range(6, 51))
    assert not missing(parts)


async def test_without_history_the_trimmed_part_is_told_and_the_rest_comes():
    shard = Shard(list(range(1, 51)))
    shard.first, shard.history_is_away = 31, True
    parts = await gather(shard, 5, 50)
    assert numbers(parts) == list(range(31, 51))
    assert missing(parts) == [(6, 30)]


async def test_what_is_trimmed_between_the_read_and_the_check_comes_from_history():
    shard = Shard(list(range(1, 31)))
    shard.through = 30
    calls = 0

    def trim() -> None:
        nonlocal calls
        calls += 1
        if calls == 2:  # the messages have been read, and the stream's first number has not
            shard.first = 21

    shard.before_each = trim
    parts = await gather(shard, 0, 30)
    assert numbers(parts) == list(range(1, 31))
    assert not missing(parts)


async def test_a_replica_of_postgres_that_lags_behind_what_was_trimmed_is_told():
    shard = Shard(list(range(1, 51)))
    shard.first, shard.through = 31, 20
    parts = await gather(shard, 0, 50)
    assert numbers(parts) == [*range(1, 21), *range(31, 51)]
    assert missing(parts) == [(21, 30)]


async def test_a_replica_of_the_stream_that_lags_is_not_taken_for_the_end():
    shard = Shard(list(range(1, 11)))
    shard.lag = 3
    reader = replays(shard)
    parts = reader.parts(SHARD, VIDEO, 0, 10)
    assert numbers([await anext(parts)]) == list(range(1, 8))
    with pytest.raises(StoreAwayError):
        await anext(parts)
    shard.lag = 0
    assert numbers([part async for part in reader.parts(SHARD, VIDEO, 7, 10)]) == [8, 9, 10]


async def test_an_end_that_is_no_comments_number_is_reached_all_the_same():
    shard = Shard([10, 12])
    parts = await gather(shard, 0, 30)
    assert numbers(parts) == [10, 12]
    assert parts[-1].upto == 30


@pytest.mark.parametrize("first", [1, 5_001, 15_001, 20_001], ids=lambda first: f"stream from {first}")
async def test_too_deep_a_replay_is_the_newest_comments_and_says_so(first):
    shard = Shard(list(range(1, 20_001)))
    shard.first, shard.through = first, 20_000
    parts = await gather(shard, 0, 20_000)
    got = numbers(parts)
    assert 9_950 <= len(got) <= 10_000
    assert got == list(range(20_001 - len(got), 20_001))
    assert missing(parts)[0][0] == 1
    assert missing(parts)[-1][1] == 20_000 - len(got)


async def test_comments_above_the_end_do_not_count_towards_the_depth():
    shard = Shard(list(range(1, 30_001)))
    parts = await gather(shard, 0, 8_000)
    assert numbers(parts) == list(range(1, 8_001))
    assert not missing(parts)


async def test_no_more_than_a_page_is_held_however_deep_the_replay():
    shard = Shard(list(range(1, 9_001)))
    shard.first, shard.through = 9_001, 9_000
    parts = await gather(shard, 0, 9_000)
    assert numbers(parts) == list(range(1, 9_001))
    assert max(len(part.messages) for part in parts) <= 1_000
    assert shard.most_rows <= 1_000


async def test_history_that_goes_away_in_the_middle_leaves_a_told_gap():
    shard = Shard(list(range(1, 5_001)))
    shard.first, shard.through = 4_001, 5_000

    def leave() -> None:
        shard.history_is_away = shard.asked > 8

    shard.before_each = leave
    parts = await gather(shard, 0, 5_000)
    check_honest(shard, parts, 0, 5_000)
    assert numbers(parts)[-1_000:] == list(range(4_001, 5_001))
    assert missing(parts)


async def test_history_that_is_busy_is_asked_again():
    shard = Shard(list(range(1, 51)))
    shard.first, shard.through, shard.history_is_away = 31, 50, True

    def come_back() -> None:
        shard.history_is_away = shard.asked < 6

    shard.before_each = come_back
    reader = Replays(shard, shard, history_pauses_s=(0.01, 0.01, 0.01))  # type: ignore[arg-type]
    parts = [part async for part in reader.parts(SHARD, VIDEO, 0, 50)]
    assert numbers(parts) == list(range(1, 51))
    assert not missing(parts)


async def test_history_that_is_away_is_not_asked_again_by_everybody():
    shard = Shard(list(range(1, 51)))
    shard.first, shard.history_is_away = 31, True
    reader = Replays(shard, shard, history_pauses_s=(0.01,))  # type: ignore[arg-type]
    asked: list[int] = []
    for _ in range(3):
        before = shard.asked
        parts = [part async for part in reader.parts(SHARD, VIDEO, 0, 50)]
        assert missing(parts) == [(1, 30)]
        asked.append(shard.asked - before)
    assert asked[0] == asked[1] + 2
    assert asked[1] == asked[2]


async def test_the_newest_number_of_a_video_that_only_history_has():
    shard = Shard([3, 7])
    shard.first, shard.through = 100, 99
    assert await replays(shard).newest(SHARD, VIDEO) == 7


async def test_the_newest_number_without_history_is_the_last_one_trimmed():
    shard = Shard([3, 7])
    shard.first, shard.history_is_away = 100, True
    assert await replays(shard).newest(SHARD, VIDEO) == 99


async def test_the_newest_number_where_history_lags_is_the_last_one_trimmed():
    shard = Shard([3, 7])
    shard.first, shard.through = 100, 5
    assert await replays(shard).newest(SHARD, VIDEO) == 99


async def test_the_latest_comments_come_from_the_stream_when_history_is_away():
    shard = Shard(list(range(1, 301)))
    shard.first, shard.history_is_away = 271, True
    assert [message.number for message in (await replays(shard).latest(SHARD, VIDEO, 100)).messages] == list(
        range(271, 301)
    )


async def test_the_latest_comments_are_the_latest_also_when_history_lags_far_behind():
    shard = Shard(list(range(1, 2_001)))
    shard.through = 50
    latest = [message.number for message in (await replays(shard).latest(SHARD, VIDEO, 100)).messages]
    assert latest == list(range(2_001 - len(latest), 2_001))
    assert len(latest) == 100


async def test_no_latest_comments_from_nowhere():
    shard = Shard([3, 7])
    shard.first, shard.history_is_away = 100, True
    with pytest.raises(HistoryAwayError):
        await replays(shard).latest(SHARD, VIDEO, 100)


@st.composite
def shards(draw: st.DrawFn) -> Shard:
    count = draw(st.integers(0, 60))
    shard = Shard(draw(st.lists(st.integers(1, 200), min_size=count, max_size=count, unique=True)))
    shard.first = draw(st.integers(1, 210))
    shard.through = draw(st.integers(0, 210))
    shard.history_is_away = draw(st.booleans())
    shard.page_limit = draw(st.sampled_from([1, 3, 1_000]))
    return shard


@settings(max_examples=300, deadline=None)
@given(
    shard=shards(),
    after=st.integers(0, 200),
    depth=st.integers(0, 200),
    limit=st.sampled_from([1, 5, 20, 10_000]),
    trims=st.lists(st.tuples(st.integers(1, 12), st.integers(1, 210)), max_size=3),
)
async def test_whatever_lies_where_and_is_trimmed_when_a_replay_is_honest(shard, after, depth, limit, trims):
    upto = after + depth

    def trim() -> None:
        for call, first in trims:
            if shard.asked == call:
                shard.first = max(shard.first, first)

    shard.before_each = trim
    parts = await gather(shard, after, upto, limit)
    check_honest(shard, parts, after, upto)
    wanted = [number for number in shard.numbers if after < number <= upto]
    assert trims or len(numbers(parts)) <= limit  # counting and trimming at the same time may count too little
    everything_is_there = shard.first <= after + 1 or (not shard.history_is_away and shard.through >= shard.first - 1)
    if everything_is_there and len(wanted) < limit:  # with as many as it may, it does not ask whether there are more
        assert numbers(parts) == wanted
        assert not missing(parts)
