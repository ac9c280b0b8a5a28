"""A batcher against a real JetStream."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from runtime.jetstream import Ack, Outgoing, StoreAwayError
from tests.writer.conftest import outcomes, stored, until
from wire import headers, subjects
from wire.problem import Refused
from writer.entry import Kept, NotKept
from writer.waiting import MAX_WAITING


def numbers(results):
    assert all(isinstance(result, Kept) for result in results), results
    return [result.number for result in results]


async def test_two_hundred_comments_at_once_get_rising_numbers_in_the_order_they_came(start_batcher, reader, videos):
    batcher, video = await start_batcher(), videos()

    results = numbers(await outcomes([batcher.post(f"text {n}", video=video) for n in range(200)]))

    assert results == sorted(set(results))
    found = await stored(reader, 0, video)
    assert [message.number for message in found] == results
    assert [orjson.loads(message.payload)["message"] for message in found] == [f"text {n}" for n in range(200)]


async def test_a_few_comments_go_as_singles_and_get_their_numbers_too(start_batcher, reader, videos):
    batcher, video = await start_batcher(), videos()

    for size in (1, 2, 5, 11):
        results = numbers(await outcomes([batcher.post(f"text {n}", video=video) for n in range(size)]))
        assert len(set(results)) == size
    assert len(await stored(reader, 0, video)) == 19


async def test_the_same_key_fifty_times_at_once_gives_one_number(start_batcher, reader, videos):
    batcher, video = await start_batcher(), videos()

    at_once = [batcher.post(f"text {n}", key="key", video=video) for n in range(50)]
    results = numbers(await outcomes(at_once))
    later = numbers(await outcomes([batcher.post("later", key="key", video=video)]))

    assert set(results + later) == {results[0]}
    found = await stored(reader, 0, video)
    assert [orjson.loads(message.payload)["message"] for message in found] == ["text 0"], "the first body wins"


@pytest.mark.parametrize("repeats", [[0], [99], [3, 50, 51], list(range(100))])
async def test_repeats_inside_a_batch_get_their_first_number_and_the_others_are_stored_once(
    start_batcher, reader, videos, repeats
):
    video = videos()
    first, second = await start_batcher(), await start_batcher()  # another writer, that knows none of the first's keys
    given = {n: numbers(await outcomes([first.post("first", key=f"key {n}", video=video)]))[0] for n in repeats}

    results = numbers(await outcomes([second.post("second", key=f"key {n}", video=video) for n in range(100)]))

    assert {n: results[n] for n in repeats} == given
    assert len(set(results)) == 100
    found = await stored(reader, 0, video)
    assert sorted(message.number for message in found) == sorted(results)
    fresh = [results[n] for n in range(100) if n not in given]
    assert fresh == sorted(fresh)


async def test_two_writers_of_one_shard_never_give_a_number_twice_and_raise_no_false_alarm(
    start_batcher, connection, videos
):
    video = videos()
    batchers = [await start_batcher(), await start_batcher()]

    async def announce() -> None:
        # The archiver, running ahead of both writers' acknowledgements.
        newest = await connection.subscribe(subjects.live(0, video))
        async for message in newest.messages:
            await connection.publish(subjects.archived(0), message.headers[headers.SEQUENCE].encode())

    announcing = asyncio.create_task(announce())
    futures = []
    for n in range(1_000):
        futures += [batcher.post(f"text {n}", video=video) for batcher in batchers]
        if n % 50 == 0:
            await asyncio.sleep(0)
    results = numbers(await outcomes(futures))
    announcing.cancel()

    assert len(set(results)) == 2_000


async def test_a_number_at_or_below_one_that_was_known_is_never_passed_on_and_the_shard_stops(
    start_batcher, connection, videos
):
    batcher, other, video = await start_batcher(shard=1), await start_batcher(shard=0), videos()
    (number,) = numbers(await outcomes([batcher.post("before", video=video, key="key")]))
    # An old copy of the stream came back: what it gives next lies below what was archived.
    await connection.publish(subjects.archived(1), b"%d" % (number + 1_000))
    await until(lambda: batcher.watch.through(1) > number)

    assert await outcomes([batcher.post("after", video=video)]) == [NotKept("not_stored")]
    with pytest.raises(Refused, match="not_stored"):
        batcher.post("later", video=video)
    assert numbers(await outcomes([batcher.post("before", video=video, key="key")])) == [number]
    assert numbers(await outcomes([other.post("another shard", video=video)]))


async def test_a_batch_found_short_is_refused_as_a_whole(start_batcher, connection, videos):
    batcher, video = await start_batcher(shard=1), videos()
    (number,) = numbers(await outcomes([batcher.post("before", video=video)]))
    await connection.publish(subjects.archived(1), b"%d" % (number + 5))
    await until(lambda: batcher.watch.through(1) > number)

    results = await outcomes([batcher.post("after", video=video) for _ in range(20)])

    assert set(results) == {NotKept("not_stored")}


async def test_more_than_may_wait_is_refused_at_once_and_what_was_taken_is_stored(start_batcher, reader, videos):
    batcher, video = await start_batcher(), videos()

    futures = [batcher.post(f"text {n}", video=video) for n in range(MAX_WAITING)]
    with pytest.raises(Refused) as refused:
        batcher.post("one more", video=video)
    results = numbers(await outcomes(futures))

    assert (refused.value.code, refused.value.status, refused.value.retry_after_s) == ("not_stored", 503, 2)
    assert [message.number for message in await stored(reader, 0, video)] == results
    assert numbers(await outcomes([batcher.post("room again", video=video)]))


async def test_each_round_tells_the_archiver_how_far_the_shard_is_stored(start_batcher, connection, videos):
    batcher, video = await start_batcher(), videos()
    heard = await connection.subscribe(subjects.stored(0))
    await connection.flush()

    for size in (1, 30):
        results = numbers(await outcomes([batcher.post("text", video=video) for _ in range(size)]))
        message = await heard.next_msg(timeout=5)
        assert int(message.data) == max(results)


async def test_a_comment_counts_as_archived_once_the_archiver_says_so(start_batcher, connection, videos):
    batcher, video = await start_batcher(archive_wait_ms=10_000), videos()

    (kept,) = await outcomes([batcher.post("text", video=video)])
    assert not kept.archived.done()
    await connection.publish(subjects.archived(0), b"not a number")
    await connection.publish(subjects.archived(0), b"%d" % (kept.number - 1))
    await connection.publish(subjects.archived(0), b"%d" % kept.number)

    assert await asyncio.wait_for(kept.archived, 5)


async def test_a_comment_that_is_not_archived_in_time_is_told_so(start_batcher, videos):
    batcher, video = await start_batcher(archive_wait_ms=20), videos()

    (kept,) = await outcomes([batcher.post("text", video=video)])

    assert await asyncio.wait_for(kept.archived, 5) is False


async def test_draining_takes_nothing_more_and_stores_what_was_taken(start_batcher, reader, videos):
    batcher, video = await start_batcher(), videos()

    futures = [batcher.post(f"text {n}", key=f"key {n}", video=video) for n in range(1_500)]
    draining = asyncio.create_task(batcher.batcher.drain())
    await asyncio.sleep(0)
    with pytest.raises(Refused, match="not_stored"):
        batcher.post("late", video=video)
    assert batcher.post("joins", key="key 1400", video=video) is futures[1_400]
    await asyncio.wait_for(draining, 10)

    assert all(future.done() for future in futures)
    assert len(await stored(reader, 0, video)) == len(set(numbers(await outcomes(futures)))) == 1_500


async def test_a_comment_sent_again_is_held_to_what_is_known_by_then(start_batcher, connection, videos, monkeypatch):
    batcher, video = await start_batcher(shard=1), videos()
    (number,) = numbers(await outcomes([batcher.post("before", video=video)]))
    publisher = batcher.publisher
    one, lost = publisher.one, []

    async def lost_at_first(message: Outgoing) -> Ack:
        if not lost:
            # It never arrived; meanwhile others were acknowledged, and then an old copy of the stream came back.
            lost.append(message)
            await connection.publish(subjects.archived(1), b"%d" % (number + 1_000))
            await until(lambda: batcher.watch.through(1) > number)
            raise StoreAwayError("no answer")
        return await one(message)

    monkeypatch.setattr(publisher, "one", lost_at_first)

    assert await outcomes([batcher.post("after", video=video)]) == [NotKept("not_stored")]
