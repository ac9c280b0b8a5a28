"""JetStream goes away under a batcher, and comes back."""

from __future__ import annotations

import asyncio
import time

import orjson
import pytest

from runtime import jetstream
from tests.writer.conftest import outcomes, stored, until
from wire.problem import Refused
from writer.entry import Kept, NotKept

BUSY_S = 4  # by which something may be late on a busy machine


async def test_every_number_that_was_answered_is_in_the_stream_exactly_once_after_kills(
    start_batcher, nats_server, connection, reader, videos
):
    # Held for longer than three restarts take on a busy machine.
    batcher, video = await start_batcher(hold_s=60), videos()
    kept: dict[str, int] = {}
    taken = 0

    async def post(text: str) -> None:
        (result,) = await outcomes([batcher.post(text, key=text, video=video)])
        if isinstance(result, Kept):
            kept[text] = result.number

    async def load(poster: int, posts: int) -> None:
        nonlocal taken
        for n in range(posts):
            taken += 1
            await post(f"{poster}-{n}")

    async def kills() -> None:
        for after in (300, 1_500, 2_700):
            await until(lambda: len(kept) >= after)  # noqa: B023
            nats_server.kill()
            await asyncio.to_thread(nats_server.start)

    async with asyncio.TaskGroup() as group:
        group.create_task(kills())
        for poster in range(40):
            group.create_task(load(poster, 100))

    assert len(kept) == taken, "the server was away for less time than comments are held"
    assert jetstream.times_reconnected(batcher.connection) >= 3
    await until(lambda: connection.is_connected)
    found = [message.number for message in await stored(reader, 0, video)]
    assert sorted(kept.values()) == found


async def test_what_came_while_the_server_was_down_is_stored_once_it_is_back(start_batcher, nats_server, videos):
    batcher, video = await start_batcher(), videos()
    await outcomes([batcher.post("before", video=video)])
    nats_server.kill()
    await until(lambda: not batcher.connection.is_connected)

    futures = [batcher.post(f"text {n}", video=video) for n in range(100)]
    await asyncio.sleep(0.5)
    assert not any(future.done() for future in futures)
    await asyncio.to_thread(nats_server.start)

    results = await outcomes(futures)
    assert all(isinstance(result, Kept) for result in results)
    assert [result.number for result in results] == sorted(result.number for result in results)


def refused_at_once(batcher, video):
    try:
        batcher.post("held again", video=video)
    except Refused as refused:
        return refused.code == "not_stored"
    return False


async def test_a_store_that_stays_away_is_held_for_only_so_long_and_then_refused_at_once_until_it_is_back(
    start_batcher, nats_server, videos
):
    hold_s = 1.0
    batcher, video = await start_batcher(hold_s=hold_s), videos()
    await outcomes([batcher.post("before", video=video)])
    nats_server.pause()
    try:
        started = time.monotonic()
        assert await outcomes([batcher.post("held", video=video, key="key")]) == [NotKept("not_stored")]
        assert hold_s <= time.monotonic() - started < hold_s + BUSY_S
        await until(lambda: refused_at_once(batcher, video))
        await until(lambda: not batcher.batcher.waiting)  # nothing that is held tells that it is back
    finally:
        nats_server.resume()

    back = None
    async with asyncio.timeout(20):
        while not isinstance(back, Kept):
            try:
                (back,) = await outcomes([batcher.post("held", video=video, key="key")])
            except Refused:
                await asyncio.sleep(0.02)


async def test_draining_while_the_store_is_away_answers_everybody(start_batcher, nats_server, videos):
    batcher, video = await start_batcher(hold_s=1.0), videos()
    await outcomes([batcher.post("before", video=video)])
    nats_server.pause()
    try:
        futures = [batcher.post(f"text {n}", video=video) for n in range(50)]
        await asyncio.wait_for(batcher.batcher.drain(), 1.0 + BUSY_S)
        assert set(await outcomes(futures)) == {NotKept("not_stored")}
    finally:
        nats_server.resume()


async def test_a_comment_whose_time_was_over_has_one_number_when_it_is_posted_again(
    start_batcher, nats_server, reader, connection, videos
):
    batcher, video = await start_batcher(hold_s=0.5), videos()
    await outcomes([batcher.post("before", video=video)])
    nats_server.pause()
    try:
        results = await outcomes([batcher.post(f"text {n}", key=str(n), video=video) for n in range(30)])
        assert set(results) == {NotKept("not_stored")}
    finally:
        nats_server.resume()  # what was on its way is stored now: unknown is not failed

    numbers: dict[int, int] = {}
    async with asyncio.timeout(20):
        while len(numbers) < 30:
            for n in range(30):
                try:
                    (result,) = await outcomes([batcher.post("a later body", key=str(n), video=video)])
                except Refused:
                    await asyncio.sleep(0.02)
                    continue
                if isinstance(result, Kept):
                    numbers[n] = result.number

    found = await stored(reader, 0, video)
    assert sorted(numbers.values()) == [message.number for message in found][1:]


async def test_the_comment_of_a_client_that_left_while_it_was_held_is_stored(start_writer, nats_server, reader, videos):
    writer, video = await start_writer(), videos(shard=0)
    await writer.post(video, "before")
    nats_server.pause()
    try:
        posting = asyncio.create_task(writer.post(video, "left", key="k"))
        (batcher, _) = writer.service.batchers
        await until(lambda: batcher.waiting)
        posting.cancel()
        await asyncio.wait([posting])
    finally:
        nats_server.resume()

    again = await writer.post(video, "again", key="k")
    found = await stored(reader, 0, video)
    assert [orjson.loads(message.payload)["message"] for message in found] == ["before", "left"]
    assert found[1].number == again.number


async def test_a_text_that_was_not_stored_is_not_the_same_message_when_it_is_posted_again(
    start_writer, nats_server, videos
):
    writer, video = await start_writer(hold_s=0.3, duplicate_window_s=60), videos(shard=0)
    nats_server.pause()
    try:
        refused = await writer.post(video, "hello")
    finally:
        nats_server.resume()
    assert (refused.status, refused.body["code"], refused.headers["Retry-After"]) == (503, "not_stored", "2")

    async with asyncio.timeout(10):
        while (again := await writer.post(video, "hello")).status == 503:
            pass
    assert again.status == 202
    assert (await writer.post(video, "hello")).status == 429


@pytest.fixture(autouse=True)
async def server_is_up(nats_server, connection):
    """Each test begins with a server that answers."""
    await until(lambda: connection.is_connected)
    await connection.flush()


async def test_a_batcher_outlives_what_nobody_foresaw(start_batcher, videos, monkeypatch):
    batcher, video = await start_batcher(), videos()
    say_stored, failures = batcher.batcher._say_stored, [RuntimeError("nobody foresaw this")]

    async def fails_once():
        if failures:
            raise failures.pop()
        await say_stored()

    monkeypatch.setattr(batcher.batcher, "_say_stored", fails_once)
    (first,) = await outcomes([batcher.post("one", video=video)])
    await until(lambda: not failures)
    (second,) = await outcomes([batcher.post("two", video=video)])
    assert isinstance(first, Kept)
    assert isinstance(second, Kept)
