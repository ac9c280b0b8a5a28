"""What Postgres cannot hold is set aside, whole, and everything around it is archived."""

import contextlib

import asyncpg
import orjson
import pytest

from runtime import jetstream
from runtime.jetstream import Outgoing
from tests.archive.conftest import SHARD, SHARDS, VIDEO, World, metric, until, until_metric
from wire import subjects
from wire.comment import encode_payload
from wire.number import BLOCK_BITS
from wire.video import shard_of
from writer.archiving import archiver, storing
from writer.archiving.archive import Archive, RowRefusedError
from writer.archiving.rows import Row
from writer.archiving.setting_aside import further_headers


async def aside(world: World) -> list[dict]:
    """What the stream `setaside` holds, in order."""
    info = await jetstream.api(world.connection, f"STREAM.INFO.{subjects.SET_ASIDE_STREAM}")
    stream = world.connection.jetstream()
    state = info["state"]
    messages = [
        await stream.get_msg(subjects.SET_ASIDE_STREAM, seq)
        for seq in range(state["first_seq"], state["last_seq"] + 1)
        if state["messages"]
    ]
    return [{"subject": one.subject, "payload": one.data, "headers": one.headers} for one in messages]


async def test_a_message_that_no_writer_has_written_is_set_aside_with_its_headers(world: World) -> None:
    count = metric("livecomments_archive_set_aside_total")
    before = await world.say("before")
    number = await world.store(b"\xffnot json")
    after = await world.say("after")
    await world.start()
    await world.archived(before + after)
    [kept] = await aside(world)
    assert kept["subject"] == f"setaside.{SHARD}"
    assert kept["payload"] == b"\xffnot json"
    assert kept["headers"]["Livecomments-Number"] == str(number)
    assert kept["headers"]["Livecomments-Subject"] == f"comments.{SHARD}.demo"
    assert kept["headers"]["Livecomments-Msg-Id"]
    assert kept["headers"]["Livecomments-Time-Stamp"]
    assert metric("livecomments_archive_set_aside_total") == count + 1


async def test_a_message_that_postgres_refuses_is_found_in_the_middle_of_a_batch(world: World) -> None:
    good: list[int] = []
    bad = []
    for position in range(40):
        if position in (7, 23):
            bad.append(await world.store(encode_payload("ann", "a NUL: \0")))
        else:
            good += await world.say(f"number {position}")
    await world.start()
    await world.archived(good)
    assert [int(kept["headers"]["Livecomments-Number"]) for kept in await aside(world)] == bad


async def test_a_control_message_that_postgres_refuses_keeps_its_kind(world: World) -> None:
    await world.store(b'{"text": "\\u0000"}', kind="note")
    await world.store(b"not json", kind="note")
    after = await world.say("after")
    await world.start()
    await world.archived(after)
    assert [kept["headers"]["Kind"] for kept in await aside(world)] == ["note", "note"]


async def test_a_video_in_the_wrong_shard_is_set_aside(world: World) -> None:
    lost = next(name for name in "abcdefgh" if shard_of(name, SHARDS) != SHARD)
    await world.publisher.one(Outgoing(subjects.comments(SHARD, lost), encode_payload("ann", "hi"), "id-1"))
    await world.publisher.one(Outgoing(subjects.comments(SHARD, "no:video"), encode_payload("ann", "hi"), "id-2"))
    after = await world.say("after")
    await world.start()
    await world.archived(after)
    assert len(await aside(world)) == 2


async def test_a_message_from_an_atomic_batch_can_be_set_aside_too(world: World) -> None:
    await world.publisher.batch(
        [Outgoing(subjects.comments(SHARD, "demo"), b"not json", f"id-{number}") for number in range(3)]
    )
    after = await world.say("after")
    await world.start()
    await world.archived(after)
    assert len(await aside(world)) == 3


async def test_where_everything_is_refused_the_shard_stops_instead(world: World) -> None:
    await world.owner.execute("ALTER TABLE comments ADD CONSTRAINT nothing_goes CHECK (message = 'x')")
    numbers = await world.say(*("one" for _ in range(storing.MAX_SET_ASIDE_IN_A_ROW + 20)))
    await world.start()
    await until_metric("livecomments_archive_stopped", 1)
    assert len(await aside(world)) == storing.MAX_SET_ASIDE_IN_A_ROW
    await world.owner.execute("ALTER TABLE comments DROP CONSTRAINT nothing_goes")
    await world.archived(numbers[storing.MAX_SET_ASIDE_IN_A_ROW :])
    await until_metric("livecomments_archive_stopped", 0)


async def test_without_a_place_to_set_aside_the_shard_waits_for_one(world: World) -> None:
    config = (await jetstream.api(world.connection, f"STREAM.INFO.{subjects.SET_ASIDE_STREAM}"))["config"]
    await jetstream.api(world.connection, f"STREAM.DELETE.{subjects.SET_ASIDE_STREAM}")
    bad = await world.store(b"not json")
    after = await world.say("after")
    await world.start()
    before_bad = bad - 1

    async def at_the_bad_one() -> bool:
        return await world.position() == before_bad

    await until(at_the_bad_one)
    await jetstream.api(world.connection, f"STREAM.CREATE.{subjects.SET_ASIDE_STREAM}", config)
    await world.archived(after)
    assert len(await aside(world)) == 1


def test_headers_that_jetstream_would_obey_are_not_repeated() -> None:
    fields = {
        "Nats-Msg-Id": "m",
        "Nats-Sequence": "7",
        "Nats-Batch-Commit": "1",
        "Nats-Expected-Last-Sequence": "6",
        "Nats-Rollup": "all",
        "Kind": "note",
        "traceparent": "00-1",
    }
    assert dict(further_headers(fields)) == {
        "Livecomments-Msg-Id": "m",
        "Livecomments-Number": "7",
        "Kind": "note",
        "traceparent": "00-1",
    }
    assert orjson.dumps(dict(further_headers({}))) == b"{}"


async def test_a_row_that_is_refused_once_its_block_was_made_anew_is_refused_like_any_other(world: World) -> None:
    """And what Postgres says of it, which quotes the comment, is in no log."""
    secret = "what somebody said"
    [number] = await world.say("one")
    service = await world.start()
    await world.archived([number])
    await world.stop(service)
    async with contextlib.aclosing(await Archive.open(world.settings, SHARD)) as archive:
        through = await world.position()
        later = number + (1 << BLOCK_BITS)
        await archive.store([Row(VIDEO, later, 1, user_id="ann", message="text")], through, later)
        await world.owner.execute(f"DROP TABLE comments_{SHARD}_{later >> BLOCK_BITS}")
        bad = Row(VIDEO, later + 1, 1, user_id=None, message=secret)
        with pytest.raises(RowRefusedError) as refused:
            await archive.store([bad], later, later + 1)
        assert secret not in str(refused.value)
        assert secret in str(refused.value.__cause__), "else this shows nothing"
        assert await world.position() == later
    error = refused.value.__cause__
    assert isinstance(error, asyncpg.PostgresError)
    assert secret not in archiver._told(error)


def test_what_a_log_holds_of_an_error_quotes_no_comment() -> None:
    assert archiver._told(ConnectionRefusedError(111, "Connection refused")).endswith("Connection refused")
    assert archiver._told(asyncpg.DataError("invalid input for query argument: 'what was said'")) == "DataError (22000)"
    assert "said" not in archiver._told(asyncpg.InterfaceError("invalid input: 'what was said'"))
