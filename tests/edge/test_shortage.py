"""An edge says so when a stream has less than its viewers have seen."""

from __future__ import annotations

import pytest
from nats.aio.client import Client

from edge.intake import given_again
from edge.shortage import Shortage
from runtime.jetstream import Outgoing, Publisher, Reader
from tests.edge.shard import SHARD, Shard
from tests.edge.test_intake import Opened
from wire import subjects
from wire.comment import event_data
from wire.mark import Claim
from wire.sse import comment_event

FRAME = comment_event(7, event_data(7, 1_000, b'{"userId":"u","message":"m"}'))


def test_a_copy_of_what_is_held_is_nothing_new():
    assert not given_again(1_000, FRAME, 2_000)


def test_another_message_under_a_number_that_is_held_was_given_again():
    assert given_again(1_001, FRAME, 2_000)


def test_a_message_below_the_newest_that_is_younger_was_given_again():
    assert given_again(2_001, None, 2_000)
    assert not given_again(1_999, None, 2_000)


def test_what_shows_nothing_says_nothing():
    assert not given_again(1_000, b"", 2_000)


async def test_a_feed_tells_of_a_number_that_comes_again_with_another_message_and_shows_it_to_nobody():
    opened = Opened(Shard([10]))
    found: list[tuple[int, int]] = []
    opened.feed._found_short = lambda known, again: found.append((known, again))
    await opened.open()
    await opened.copies.bring(20, 10)
    await opened.copies.bring(20, 10)
    assert found == []
    opened.copies.stamp = "2026-01-02T00:00:00Z"
    await opened.copies.bring(20, 10)
    await opened.settle()
    assert found == [(20, 20)]
    assert opened.viewer.numbers == [20]


@pytest.mark.usefixtures("streams")
async def test_a_stream_that_ends_below_what_viewers_have_is_said_to_be_short(connection: Client):
    reader = Reader(connection)
    await reader.start()
    shortage = Shortage(connection, reader, 2)
    await shortage.start()
    heard = await connection.subscribe(subjects.short(SHARD))
    number = (await Publisher(connection).one(Outgoing(subjects.comments(SHARD, "v"), b"{}", "id"))).number
    await shortage.look_into(SHARD, number, number)
    await shortage.look_into(SHARD, number, 0)  # a replica that lags, or an empty stream: the leader knows
    await shortage.look_into(SHARD, number + 5, number)
    assert Claim.decode((await heard.next_msg(timeout=5)).data) == Claim(number + 5)
    asked = await connection.request(subjects.known(SHARD), b"", timeout=5)
    assert int(asked.data) == number + 5
    with pytest.raises(TimeoutError):
        await heard.next_msg(timeout=0.1)
