"""What a viewer gets, on every server that the edge runs on."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.felt import felt_s
from wire.number import MAX_NUMBER
from wire.sse import CONTENT_TYPE


async def test_a_comment_is_on_every_viewers_stream_within_200_ms_of_being_stored(edge, store, video, viewers):
    streams = [await viewers.watch(edge, video) for _ in range(3)]
    await store.post(video, "the first one warms up")

    async def once(_: int) -> float:
        number = await store.post(video, "hello")
        began = time.monotonic()
        for stream in streams:
            await stream.has(number)
        return time.monotonic() - began

    assert await felt_s(once) < 0.2
    comment = streams[0].messages[-1]
    assert comment.keys() == {"commentId", "userId", "message", "timestamp"}
    assert comment["commentId"] == str(streams[0].numbers[-1])
    assert comment["message"] == "hello"
    assert abs(comment["timestamp"] / 1000 - time.time()) < 60


async def test_comments_come_in_the_order_of_their_numbers_and_each_once(edge, store, video, viewers):
    stream = await viewers.watch(edge, video)
    posted = [*await store.post_many(video, 300), await store.post(video), *await store.post_many(video, 200)]
    await stream.has(posted[-1])
    assert stream.numbers == posted
    assert [int(event.last_id) for event in stream.events if event.name == "message"] == posted


async def test_a_stream_begins_with_a_time_to_come_back_and_then_says_that_it_is_live(edge, video, viewers):
    stream = await viewers.watch(edge, video)
    assert stream.response.headers["Content-Type"].startswith(CONTENT_TYPE)
    assert stream.response.headers["Cache-Control"] == "no-store"
    assert 1_000 <= stream.retry_ms <= 3_000
    assert stream.events[0].name == "sync"
    assert stream.events[0].json() == {"resumed": False, "replayed": 0, "complete": True}


async def test_times_to_come_back_differ_from_viewer_to_viewer(edge, video, viewers):
    streams = [await viewers.watch(edge, video) for _ in range(8)]
    assert len({stream.retry_ms for stream in streams}) > 1


async def test_without_a_position_nothing_is_replayed_and_the_position_is_given(edge, store, video, viewers):
    numbers = await store.post_many(video, 5)
    stream = await viewers.watch(edge, video)
    assert stream.numbers == []
    assert stream.last_id == str(numbers[-1])


async def test_one_who_comes_back_gets_what_it_missed_from_memory_and_nothing_twice(edge, store, video, viewers):
    first = await viewers.watch(edge, video)
    seen = await store.post_many(video, 10)
    await first.has(seen[-1])
    first.close()
    missed = await store.post_many(video, 50)
    other = await viewers.watch(edge, video)  # keeps the channel's ring filling, or it would be there all the same
    back = await viewers.watch(edge, video, first.last_id)
    assert back.numbers == missed
    assert back.told("sync") == [{"resumed": True, "replayed": 50, "complete": True}]
    live = await store.post(video)
    await back.has(live)
    await other.has(live)
    assert back.numbers == [*missed, live]


async def test_a_page_and_a_stream_from_its_newest_id_meet_without_a_hole(edge, store, video, viewers):
    numbers = await store.post_many(video, 20)
    stream = await viewers.watch(edge, video, numbers[9])
    assert stream.numbers == numbers[10:]
    stream = await viewers.watch(edge, video, query=numbers[14])
    assert stream.numbers == numbers[15:]


async def test_the_header_wins_over_the_query(edge, store, video, viewers):
    numbers = await store.post_many(video, 10)
    stream = await viewers.watch(edge, video, numbers[7], query=numbers[2])
    assert stream.numbers == numbers[8:]
    stream = await viewers.watch(edge, video, "nonsense", query=numbers[2])
    assert stream.told("sync")[0] == {"resumed": False, "replayed": 0, "complete": False}


@pytest.mark.parametrize(
    "position",
    [
        "abc",
        "-1",
        "1.5",
        "\uff11\uff12",
        " ",
        "0x10",
        "1" * 400,
        "9" * 16,
        str(2**63),
        str(MAX_NUMBER),
        "1,2",
        "%00",
        "\u00ff",
    ],
    ids=ascii,
)
async def test_no_position_is_ever_refused_and_one_that_means_nothing_is_told(edge, store, video, viewers, position):
    await store.post(video)
    for given in ({"query": position}, {"position": position.encode().decode("latin-1")}):
        stream = await viewers.watch(edge, video, **given)
        assert stream.status == 200
        assert stream.told("sync")[0]["resumed"] is False
        if position.strip():
            assert stream.told("sync")[0]["complete"] is False
        number = await store.post(video)
        await stream.has(number)


async def test_an_empty_position_is_none(edge, store, video, viewers):
    await store.post(video)
    for given in ({"query": ""}, {"position": ""}):
        stream = await viewers.watch(edge, video, **given)
        assert stream.told("sync")[0] == {"resumed": False, "replayed": 0, "complete": True}


async def test_a_position_before_everything_replays_what_there_is_and_tells_the_rest(edge, store, video, viewers):
    numbers = await store.post_many(video, 5)
    stream = await viewers.watch(edge, video, 0)
    assert stream.numbers == numbers
    told = stream.told("sync")[0]
    # There is no history in this module: whether anything was there before the stream cannot be known.
    assert told["complete"] is False
    assert told["from"] == "1"
    assert int(told["to"]) < numbers[0]


async def test_a_viewer_of_one_video_gets_nothing_of_another(edge, store, video, viewers):
    stream = await viewers.watch(edge, video)
    other = await viewers.watch(edge, f"{video}-other")
    number = await store.post(f"{video}-other")
    await other.has(number)
    last = await store.post(video)
    await stream.has(last)
    assert stream.numbers == [last]


async def test_text_is_on_the_stream_exactly_as_it_was_sent(edge, store, video, viewers):
    stream = await viewers.watch(edge, video)
    texts = ["a\nb", "tab\there", "\u2028\u2029", 'quote " and \\', "data: x\n\nevent: bye", "🦆 ünïcode", "x" * 500]
    for text in texts:
        number = await store.post(video, text)
    await stream.has(number)
    assert [message["message"] for message in stream.messages] == texts


async def test_a_message_of_an_unknown_kind_moves_the_position_and_shows_nothing(edge, store, video, viewers):
    from runtime.jetstream import Outgoing
    from wire import subjects
    from wire.headers import message_id

    before = await store.post(video)
    stream = await viewers.watch(edge, video, before)
    unknown = Outgoing(subjects.comments(store.shard(video), video), b"{}", message_id(video, "u", None), "future")
    await store._publisher.one(unknown)
    after = await store.post(video)
    await stream.has(after)
    assert stream.numbers == [after]
    again = await viewers.watch(edge, video, before)
    assert again.numbers == [after]
    assert again.told("sync")[0]["complete"] is True


async def test_many_viewers_who_come_at_once_all_get_everything(edge, store, video, viewers):
    numbers = await store.post_many(video, 30)
    streams = await asyncio.gather(*(viewers.watch(edge, video, numbers[9]) for _ in range(60)))
    live = await store.post(video)
    for stream in streams:
        await stream.has(live)
        assert stream.numbers == [*numbers[10:], live]


async def test_a_video_is_let_go_after_its_last_viewer_and_what_came_meanwhile_is_not_lost(edge, store, video, viewers):
    first = await store.post(video)
    stream = await viewers.watch(edge, video)
    stream.close()
    missed = await store.post_many(video, 3)
    back = await viewers.watch(edge, video, first)
    assert back.numbers == missed
