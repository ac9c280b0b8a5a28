"""A writer whose shard is found short takes nothing, and goes on by itself once the shard has been lifted."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from runtime import background, jetstream
from runtime.jetstream import StreamState
from runtime.streams import put_subjects_back, take_subjects_off
from tests.writer.conftest import outcomes, stored, until
from wire import subjects
from wire.mark import Claim
from wire.problem import Refused
from writer.entry import Kept, NotKept
from writer.stream_continuity import Continuity

FAR = 10**9


async def lift(connection, shard: int, number: int) -> None:
    """As the archiver does it."""
    await take_subjects_off(connection, shard)
    answer = await jetstream.api(connection, f"STREAM.PURGE.{subjects.stream_name(shard)}", {"seq": number})
    assert answer["success"], answer
    await put_subjects_back(connection, shard)


async def answers_of_history(connection, shard: int, comments: list[list]) -> None:
    """Play history, which knows what numbers from before a lift stand for."""

    async def answer(message) -> None:
        asked = orjson.loads(message.data)
        found = [one for one in comments if asked["after"] < one[0] <= asked["upto"]]
        await message.respond(orjson.dumps({"through": 2**53 - 1, "more": False, "comments": found}))

    await connection.subscribe(subjects.history(shard), cb=answer)
    await connection.flush()


async def test_a_stream_that_gives_a_number_again_stops_all_writers_until_it_is_lifted(
    start_batcher, connection, videos
):
    batcher, other, video = await start_batcher(), await start_batcher(), videos()
    claims = await connection.subscribe(subjects.short(0))
    (first,) = await outcomes([batcher.post("before", video=video)])
    known = first.number + FAR
    await connection.publish(subjects.archived(0), b"%d" % known)
    await until(lambda: batcher.marks.of(0) == known)

    assert await outcomes([batcher.post("after", video=video)]) == [NotKept("not_stored")]
    claim = Claim.decode((await claims.next_msg(timeout=5)).data)
    assert claim == Claim(known, first.number + 1, certain=True)
    await until(lambda: other.batcher.continuity.is_short)
    for one in (batcher, other):
        with pytest.raises(Refused, match="not_stored"):
            one.post("later", video=video)

    await lift(connection, 0, known + 1)
    await until(lambda: not (batcher.batcher.continuity.is_short or other.batcher.continuity.is_short))
    kept = await outcomes([one.post("lifted", video=video) for one in (batcher, other)])
    assert sorted(one.number for one in kept) == [known + 1, known + 2]


async def test_a_shard_takes_comments_again_though_the_wait_for_its_lift_failed_unforeseen(
    start_batcher, connection, videos, monkeypatch
):
    monkeypatch.setattr(background, "RESTART_S", 0)
    batcher, video, state = await start_batcher(), videos(), Continuity._state
    (first,) = await outcomes([batcher.post("before", video=video)])
    failed = asyncio.Event()

    async def fails_once(self: Continuity) -> StreamState:
        if failed.is_set():
            return await state(self)
        failed.set()
        raise KeyError("state")

    monkeypatch.setattr(Continuity, "_state", fails_once)
    batcher.heard(Claim(first.number + FAR, certain=True))
    await asyncio.wait_for(failed.wait(), 20)
    assert batcher.batcher.continuity.is_short
    await lift(connection, 0, first.number + FAR + 1)
    await until(lambda: not batcher.batcher.continuity.is_short)
    (kept,) = await outcomes([batcher.post("lifted", video=video)])
    assert kept.number == first.number + FAR + 1


async def test_what_is_sent_while_the_shard_is_lifted_is_held_and_gets_a_number_above(
    start_batcher, connection, reader, videos
):
    batcher, video = await start_batcher(), videos()
    (first,) = await outcomes([batcher.post("before", video=video)])
    await take_subjects_off(connection, 0)
    futures = [batcher.post(f"text {n}", video=video) for n in range(20)]
    await until(lambda: batcher.batcher.waiting == 20)
    await lift(connection, 0, first.number + FAR)
    kept = await outcomes(futures)
    assert [one.number for one in kept] == list(range(first.number + FAR, first.number + FAR + 20))
    assert [message.number for message in await stored(reader, 0, video)] == [one.number for one in kept]


async def prepare(start_batcher, connection, videos, text: str):
    """A writer that does not know of a comment that JetStream has under a number from before a lift."""
    first, video = await start_batcher(), videos()
    (kept,) = await outcomes([first.post(text, video=video, key="key")])
    await lift(connection, 0, kept.number + FAR)
    batcher = await start_batcher()
    await batcher.check()
    assert batcher.batcher.continuity.floor == kept.number + FAR
    return batcher, video, kept.number


async def test_a_repeat_from_before_a_lift_gets_its_number_where_that_is_still_its_own(
    start_batcher, connection, videos
):
    batcher, video, number = await prepare(start_batcher, connection, videos, "text")
    await answers_of_history(connection, 0, [[number, 1, "comment", "user", "text", None, None]])
    (again,) = await outcomes([batcher.post("text", video=video, key="key")])
    assert again.number == number


@pytest.mark.parametrize("there", [[], [["comment", "user", "another text"]], [["comment", "somebody", "text"]]])
async def test_a_repeat_whose_number_stands_for_something_else_gets_a_new_one_and_always_the_same(
    start_batcher, connection, reader, videos, there
):
    batcher, video, number = await prepare(start_batcher, connection, videos, "text")
    await answers_of_history(connection, 0, [[number, 1, *one, None, None] for one in there])
    (kept,) = await outcomes([batcher.post("text", video=video, key="key")])
    assert kept.number >= number + FAR
    late = await start_batcher()
    await late.check()
    (again,) = await outcomes([late.post("text", video=video, key="key")])
    assert again.number == kept.number
    assert len(await stored(reader, 0, video)) == 1


async def test_where_nobody_can_say_what_a_number_stands_for_it_is_not_passed_on(start_batcher, connection, videos):
    batcher, video, _ = await prepare(start_batcher, connection, videos, "text")
    assert await outcomes([batcher.post("text", video=video, key="key")]) == [NotKept("not_stored")]
    assert isinstance((await outcomes([batcher.post("new", video=video)]))[0], Kept)


async def test_a_writer_that_starts_asks_how_far_the_numbers_went_before_it_takes_anything(
    start_batcher, start_writer, connection, videos
):
    knows, video = await start_batcher(), videos(shard=0)
    (first,) = await outcomes([knows.post("before", video=video)])
    known = first.number + FAR
    knows.marks.reach(0, known)  # as of a number that an older copy of the stream does not hold
    writer = await start_writer()
    refused = await writer.post(video, "too early")
    assert (refused.status, refused.body["code"]) == (503, "not_stored")
    await lift(connection, 0, known + 1)
    async with asyncio.timeout(10):
        while (answer := await writer.post(video, "lifted")).status == 503:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert answer.number == known + 1
