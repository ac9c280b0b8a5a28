"""What comes back with a connection may be an older copy of the stream: it is compared before anything is sent."""

from __future__ import annotations

import asyncio

import pytest

from runtime import jetstream
from runtime.jetstream import Ack, Outgoing, StoreAwayError
from runtime.streams import put_subjects_back
from tests.writer.conftest import outcomes, stored, until
from tests.writer.test_lift import FAR, answers_of_history, lift
from wire import subjects
from wire.mark import Claim
from writer import stream_continuity
from writer.entry import Kept, NotKept


@pytest.fixture(autouse=True)
async def server_is_up(nats_server, connection):
    """Each test begins, and ends, with a server that answers and a stream that takes comments."""
    await until(lambda: connection.is_connected)
    await connection.flush()
    yield
    await until(lambda: connection.is_connected)
    await put_subjects_back(connection, 0)


async def reconnected(batcher, nats_server) -> None:
    times = jetstream.times_reconnected(batcher.connection)
    nats_server.kill()
    await asyncio.to_thread(nats_server.start)
    await until(lambda: batcher.connection.is_connected and jetstream.times_reconnected(batcher.connection) > times)


async def test_nothing_is_sent_on_a_new_connection_before_the_stream_was_compared(
    start_batcher, nats_server, connection, reader, videos, monkeypatch
):
    batcher, video = await start_batcher(), videos()
    await outcomes([batcher.post("before", video=video)])
    gather, asked, compared = batcher.marks.gather, asyncio.Event(), asyncio.Event()

    async def gather_later(shard: int) -> int:
        asked.set()
        await compared.wait()
        return await gather(shard)

    monkeypatch.setattr(batcher.marks, "gather", gather_later)
    await reconnected(batcher, nats_server)
    posts = [batcher.post(f"text {n}", video=video) for n in range(30)]
    await asyncio.wait_for(asked.wait(), 5)
    await until(lambda: connection.is_connected)
    assert len(await stored(reader, 0, video)) == 1
    assert not any(post.done() for post in posts)
    compared.set()
    assert all(isinstance(one, Kept) for one in await outcomes(posts))


async def test_an_answer_on_a_connection_on_which_the_stream_was_not_compared_is_not_passed_on(
    start_batcher, nats_server, reader, connection, videos, monkeypatch
):
    """nats-py sends what was written while the connection was lost as soon as there is a new one."""
    batcher, video = await start_batcher(), videos()
    await outcomes([batcher.post("before", video=video)])
    publisher, compared = batcher.publisher, []
    one, check = publisher.one, batcher.batcher.continuity.check

    async def one_later(message: Outgoing) -> Ack:
        monkeypatch.setattr(publisher, "one", one)
        await reconnected(batcher, nats_server)
        return await one(message)

    async def noted_check() -> bool:
        done = await check()
        compared.append(done)
        return done

    monkeypatch.setattr(publisher, "one", one_later)
    monkeypatch.setattr(batcher.batcher.continuity, "check", noted_check)
    (kept,) = await outcomes([batcher.post("on its way", video=video)])
    assert compared[-1] is True, "it was passed on although the stream had not been compared"
    assert len(compared) > 1
    await until(lambda: connection.is_connected)
    assert [message.number for message in await stored(reader, 0, video)][1:] == [kept.number]


async def test_a_comparison_without_an_answer_is_made_again_also_where_nothing_is_sent(
    start_batcher, nats_server, connection, videos, monkeypatch
):
    batcher, video = await start_batcher(), videos()
    (kept,) = await outcomes([batcher.post("before", video=video)])
    api, failures = jetstream.api, []

    async def without_an_answer(*asked, **options):
        if len(failures) < 3 and asked[0] is batcher.connection:
            failures.append(asked)
            raise StoreAwayError("no answer")
        return await api(*asked, **options)

    monkeypatch.setattr(stream_continuity, "CHECK_AGAIN_S", 0.01)
    monkeypatch.setattr(jetstream, "api", without_an_answer)
    batcher.marks.reach(0, kept.number + FAR)  # as of numbers that an older copy of the stream does not hold
    await reconnected(batcher, nats_server)
    batcher.batcher.continuity.check_soon()  # as the writer does when its connection is back
    await until(lambda: batcher.batcher.continuity.is_short)
    assert len(failures) == 3
    await until(lambda: connection.is_connected)
    await lift(connection, 0, kept.number + FAR + 1)
    await until(lambda: not batcher.batcher.continuity.is_short)


def loses_the_first_answer(batcher, monkeypatch) -> None:
    publisher = batcher.publisher
    one = publisher.one

    async def lost(message: Outgoing) -> Ack:
        monkeypatch.setattr(publisher, "one", one)
        await one(message)
        raise StoreAwayError("no answer")

    monkeypatch.setattr(publisher, "one", lost)


async def far_known(batcher, connection, number: int) -> int:
    """Have it known that numbers far above were given: the stream is an older copy."""
    await connection.publish(subjects.archived(0), b"%d" % (number + FAR))
    await until(lambda: batcher.marks.of(0) == number + FAR)
    return number + FAR


async def test_a_comment_that_an_older_copy_took_without_an_answer_is_not_acknowledged_as_a_repeat_of_itself(
    start_batcher, connection, videos, monkeypatch
):
    batcher, video = await start_batcher(), videos()
    (first,) = await outcomes([batcher.post("before", video=video)])
    known = await far_known(batcher, connection, first.number)
    loses_the_first_answer(batcher, monkeypatch)
    claims = await connection.subscribe(subjects.short(0))
    await connection.flush()
    assert await outcomes([batcher.post("text", video=video)]) == [NotKept("not_stored")]
    assert Claim.decode((await claims.next_msg(timeout=5)).data) == Claim(known, first.number + 1, certain=True)
    await lift(connection, 0, known + 1)
    await until(lambda: not batcher.batcher.continuity.is_short)


@pytest.mark.parametrize("archived", ["the same", "something else", "nothing"])
async def test_with_a_key_history_says_whether_it_is_a_clients_repeat(
    start_batcher, connection, reader, videos, monkeypatch, archived
):
    batcher, video = await start_batcher(), videos()
    (first,) = await outcomes([batcher.post("before", video=video)])
    known = await far_known(batcher, connection, first.number)
    loses_the_first_answer(batcher, monkeypatch)
    number = first.number + 1
    row = [number, 1, "comment", "user", "another body under the key", None, None]

    async def as_stored(*_: object) -> None:
        if archived == "the same":
            row[1] = (await stored(reader, 0, video))[-1].posted_ms

    one = batcher.publisher.one

    async def then_archived(message: Outgoing) -> Ack:
        try:
            return await one(message)
        finally:
            await as_stored()
            await answers_of_history(connection, 0, [] if archived == "nothing" else [row])

    monkeypatch.setattr(batcher.publisher, "one", then_archived)
    (result,) = await outcomes([batcher.post("text", video=video, key="key")])
    if archived == "the same":
        assert isinstance(result, Kept)
        assert result.number == number
        return
    assert result == NotKept("not_stored")
    assert batcher.batcher.continuity.is_short
    await lift(connection, 0, known + 1)
    await until(lambda: not batcher.batcher.continuity.is_short)


async def test_a_claim_that_the_stream_does_not_bear_out_stops_a_writer_only_until_it_has_looked(
    start_batcher, connection, videos
):
    batcher, video = await start_batcher(), videos()
    (kept,) = await outcomes([batcher.post("before", video=video)])
    stops: list[bool] = []
    batcher.batcher.continuity._changed = lambda: stops.append(batcher.batcher.continuity.is_short)
    await connection.publish(subjects.short(0), Claim(kept.number).encode())
    await until(lambda: stops == [True, False])
    assert isinstance((await outcomes([batcher.post("after", video=video)]))[0], Kept)
