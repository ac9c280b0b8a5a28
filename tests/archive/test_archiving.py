"""What is stored in JetStream comes to Postgres: all of it, once, in order."""

import asyncio

import asyncpg
import orjson
import pytest
from nats.aio.msg import Msg

from runtime import jetstream
from runtime.settings import SettingsError
from tests.archive.conftest import SHARD, VIDEO, World, metric, until
from wire import subjects
from wire.number import BLOCK_BITS
from writer.archiving.archive import Archive, PositionMovedError
from writer.archiving.rows import Row

BLOCK = 1 << BLOCK_BITS


async def test_a_comment_comes_to_postgres_as_jetstream_stored_it(world: World) -> None:
    await world.start()
    [number] = await world.say("héllo\n\t🎉 \u202e'\"\\", name="Ann", role="host")
    await world.archived([number])
    [row] = await world.rows()
    [stored], _ = await world.reader.after(SHARD, VIDEO, 0, 10)
    assert dict(row) == {
        "shard": SHARD,
        "video_id": VIDEO,
        "comment_id": number,
        "kind": "comment",
        "user_id": "ann",
        "message": "héllo\n\t🎉 \u202e'\"\\",
        "name": "Ann",
        "role": "host",
        "posted_ms": stored.posted_ms,
        "detail": None,
        "deleted_by": None,
    }
    assert await world.position() == number


async def test_control_messages_are_stored_with_what_they_say_also_of_unknown_kinds(world: World) -> None:
    await world.start()
    first = await world.store(b'{"by":"mod","userId":"eve"}', kind="unban")
    second = await world.store(b'["anything"]', kind="of-a-later-version")
    await world.archived([first, second])
    told = [(row["kind"], orjson.loads(row["detail"]), row["user_id"], row["message"]) for row in await world.rows()]
    assert told == [
        ("unban", {"by": "mod", "userId": "eve"}, None, None),
        ("of-a-later-version", ["anything"], None, None),
    ]


async def test_how_far_it_got_is_announced_and_repeated_for_late_listeners(world: World) -> None:
    await world.start()
    [number] = await world.say("hello")
    await world.archived([number])
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def hear(message: Msg) -> None:
        heard.put_nowait(message.data)

    await world.connection.subscribe(subjects.archived(SHARD), cb=hear)
    assert await asyncio.wait_for(heard.get(), 5) == b"%d" % number


async def test_a_lost_wake_up_is_made_up_for_within_seconds(world: World) -> None:
    await world.start()
    await world.archived([])
    subject = subjects.comments(SHARD, VIDEO)
    ack = await world.publisher.one(jetstream.Outgoing(subject, b'{"userId":"u","message":"m"}', "id"))
    await world.archived([ack.number], within_s=3)


async def test_thousands_of_comments_that_gathered_are_caught_up_in_order(world: World) -> None:
    numbers: list[int] = []
    for start in range(0, 2500, 500):
        batch = [
            jetstream.Outgoing(subjects.comments(SHARD, VIDEO), b'{"userId":"u","message":"m"}', f"id-{start + i}")
            for i in range(500)
        ]
        numbers += [ack.number for ack in await world.publisher.batch(batch)]
    await world.start()
    await world.archived(numbers)
    assert await world.position() == numbers[-1]


async def test_the_position_and_the_comments_are_stored_both_or_neither(world: World) -> None:
    before = await world.position()
    blocked = await asyncpg.connect(world.database.dsn)
    transaction = blocked.transaction()
    await transaction.start()
    await blocked.fetch("SELECT through FROM archive_position WHERE shard = $1 FOR UPDATE", SHARD)
    numbers = await world.say("one", "two")
    await world.start()

    async def killed_in_between() -> bool:
        return await world.owner.fetchval(
            """
            SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE datname = $1 AND wait_event_type = 'Lock' AND query LIKE '%UPDATE archive_position%'
            """,
            world.database.name,
        )

    await until(killed_in_between)
    assert (await world.numbers(), await world.position()) == ([], before)
    await transaction.rollback()
    await blocked.close()
    await world.archived(numbers)
    assert await world.position() == numbers[-1]


async def test_where_rows_cannot_be_stored_for_now_the_position_stays(world: World) -> None:
    await world.owner.execute(
        """
        CREATE SEQUENCE attempts;  -- what it counts is not taken back
        CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        AS $$ BEGIN PERFORM nextval('attempts'); RAISE EXCEPTION 'full' USING ERRCODE = 'disk_full'; END $$;
        CREATE TRIGGER full_disk BEFORE INSERT ON comments FOR EACH ROW EXECUTE FUNCTION full_disk();
        """
    )
    before = await world.position()
    numbers = await world.say("one", "two")
    await world.start()

    async def tried_twice() -> bool:
        return await world.owner.fetchval("SELECT last_value FROM attempts") >= 2

    await until(tried_twice)
    assert (await world.numbers(), await world.position()) == ([], before)
    await world.owner.execute("DROP TRIGGER full_disk ON comments")
    await world.archived(numbers)


async def test_an_archiver_that_was_overtaken_stores_nothing(world: World) -> None:
    through = await world.position()
    row = Row(VIDEO, through + 1, 1, user_id="u", message="m")
    archive = await Archive.open(world.settings, SHARD)
    try:
        await world.move_position(by=1)
        with pytest.raises(PositionMovedError):
            await archive.store([row], through, through + 1)
        assert await world.numbers() == []
        assert await archive.store([row], through + 1, through + 2) == 1
    finally:
        await archive.aclose()


async def test_what_is_in_postgres_already_stays_as_it_is(world: World) -> None:
    await world.start()
    [number] = await world.say("first")
    await world.archived([number])
    await world.owner.execute("UPDATE comments SET deleted_by = 5 WHERE comment_id = $1", number)
    await world.move_position(by=-1)
    [second] = await world.say("second")
    await world.archived([number, second])
    assert (await world.rows())[0]["deleted_by"] == 5


async def test_numbers_that_jump_get_a_block_of_their_own(world: World) -> None:
    service = await world.start()
    [before] = await world.say("before")
    await world.archived([before])
    await world.stop(service)
    # As the party does that lifts a stream.
    far = ((before >> BLOCK_BITS) + 3 << BLOCK_BITS) - 1
    await world.purge(far)
    await world.move_position(by=far - 1 - before)
    lost_before = metric("livecomments_archive_lost_numbers_total")
    await world.start()
    numbers = await world.say("last of a block", "first of the next")
    assert numbers == [far, far + 1]
    await world.archived([before, *numbers])
    blocks = await world.owner.fetch("SELECT DISTINCT tableoid::regclass::text AS block FROM comments ORDER BY 1")
    assert len(blocks) == 3
    assert metric("livecomments_archive_lost_numbers_total") == lost_before


async def test_a_block_that_was_dropped_is_made_again(world: World) -> None:
    await world.start()
    [first] = await world.say("one")
    await world.archived([first])
    await world.owner.execute(f"DROP TABLE comments_{SHARD}_{first >> BLOCK_BITS}")
    [second] = await world.say("two")
    await world.archived([second])


async def test_deleted_messages_are_no_gap(world: World) -> None:
    numbers = await world.say("one", "two", "three", "four", "five")
    await world.delete(numbers[2])
    await world.delete(numbers[4])
    lost_before = metric("livecomments_archive_lost_numbers_total")
    await world.start()
    await world.archived([numbers[0], numbers[1], numbers[3]])

    async def at_the_end() -> bool:
        return await world.position() == numbers[4]

    await until(at_the_end)
    assert metric("livecomments_archive_lost_numbers_total") == lost_before


async def test_numbers_trimmed_before_they_were_archived_are_counted_and_passed_over(world: World) -> None:
    numbers = await world.say("one", "two", "three")
    await world.purge(numbers[2])
    lost_before = metric("livecomments_archive_lost_numbers_total")
    await world.start()
    await world.archived(numbers[2:])
    assert metric("livecomments_archive_lost_numbers_total") == lost_before + 2


async def test_a_stream_that_was_emptied_is_passed_over_to_its_end(world: World) -> None:
    numbers = await world.say("one", "two", "three")
    await world.purge(numbers[2] + 1)
    await world.start()

    async def at_the_end() -> bool:
        return await world.position() == numbers[2]

    await until(at_the_end)
    assert await world.numbers() == []


async def test_another_number_of_shards_than_the_cluster_was_born_with_is_refused(world: World) -> None:
    service = world.settings.model_copy(update={"shards": 3})
    with pytest.raises(SettingsError, match="born with 2 shards"):
        await Archive.open(service, 0)
    with pytest.raises(SettingsError, match="born with 2 shards"):
        await world.start(shards=3)
