"""A comment that was acknowledged and is not in Postgres is noticed, and nothing else is."""

from __future__ import annotations

import orjson
from prometheus_client import REGISTRY

from runtime import jetstream
from tests.archive.conftest import SHARD, VIDEO, World, until
from wire import subjects
from wire.audit import Acknowledged, encode_report


def counted(name: str) -> float:
    return REGISTRY.get_sample_value(f"livecomments_{name}_comments_total", {"part": "archive"}) or 0


async def report(world: World, numbers: list[int], *, payloads: list[bytes] | None = None) -> None:
    """Say what a writer says of numbers that it has acknowledged."""
    said = payloads or [message.payload for message in (await world.reader.after(SHARD, VIDEO, 0, 1_000))[0]]
    acknowledged = Acknowledged()
    for number, payload in reversed(list(zip(numbers, said, strict=True))):
        acknowledged.add(number, payload)
    await world.connection.publish(subjects.audit(SHARD), encode_report({VIDEO: acknowledged}))


async def until_audited(count: float) -> None:
    async def there() -> bool:
        return counted("audited") == count

    await until(there)


async def test_what_is_all_there_is_counted_and_nothing_is_lost(world: World) -> None:
    audited, lost, differing = counted("audited"), counted("lost"), counted("differing")
    await world.start()
    numbers = await world.say("one", "two", "three", name="Ann", role="host")
    await world.archived(numbers)
    await world.owner.execute("UPDATE comments SET deleted_by = 5 WHERE comment_id = $1", numbers[1])
    await report(world, numbers)
    await until_audited(audited + 3)
    assert (counted("lost"), counted("differing")) == (lost, differing)


async def test_a_row_that_is_gone_is_noticed(world: World) -> None:
    audited, lost = counted("audited"), counted("lost")
    await world.start()
    numbers = await world.say("one", "two", "three")
    await world.archived(numbers)
    await world.owner.execute("DELETE FROM comments WHERE comment_id = $1", numbers[1])
    await report(world, numbers)
    await until_audited(audited + 3)
    assert counted("lost") == lost + 1


async def test_a_row_that_says_something_else_is_noticed(world: World) -> None:
    audited, lost, differing = counted("audited"), counted("lost"), counted("differing")
    await world.start()
    numbers = await world.say("one", "two")
    await world.archived(numbers)
    await world.owner.execute("UPDATE comments SET message = 'too' WHERE comment_id = $1", numbers[1])
    await report(world, numbers)
    await until_audited(audited + 2)
    assert (counted("lost"), counted("differing")) == (lost, differing + 2)


async def test_a_report_waits_until_its_comments_are_archived(world: World) -> None:
    audited, lost = counted("audited"), counted("lost")
    service = await world.start()
    await world.archived(await world.say("first"))
    world.postgres.kill()
    try:
        numbers = await world.say("while it is away")
        payloads = [message.payload for message in (await world.reader.after(SHARD, VIDEO, numbers[0] - 1, 10))[0]]
        await report(world, numbers, payloads=payloads)
        await world.connection.flush()

        async def noticed() -> bool:
            return service.not_ready() is not None

        await until(noticed)
        assert counted("audited") == audited
    finally:
        world.postgres.start()
        await world.reconnect()
    await until_audited(audited + 1)
    assert counted("lost") == lost


async def test_what_was_set_aside_or_trimmed_is_not_lost(world: World) -> None:
    audited, lost = counted("audited"), counted("lost")
    await world.start()
    await world.archived([])
    numbers = [await world.store(b"no comment at all"), *await world.say("two", "three")]
    await world.archived(numbers[1:])
    said = [message.payload for message in (await world.reader.after(SHARD, VIDEO, 0, 10))[0]]
    await world.purge(numbers[2])
    await report(world, numbers, payloads=said)
    await until_audited(audited + 3)
    assert counted("lost") == lost


async def test_a_report_that_makes_no_sense_changes_nothing(world: World) -> None:
    audited = counted("audited")
    await world.start()
    numbers = await world.say("one")
    await world.archived(numbers)
    for data in (b"", b"[]", b"1", b'{"v":1}', b'{"v":[0,[],null]}', b'{"v":[1,["x"],null]}', b'{"v":[1,[-5],"1"]}'):
        await world.connection.publish(subjects.audit(SHARD), data)
    await report(world, numbers)
    await until_audited(audited + 1)


async def test_control_messages_and_comments_that_are_removed_at_any_time_are_not_lost(world: World) -> None:
    audited, lost, differing = counted("audited"), counted("lost"), counted("differing")
    one, two, three = await world.say("removed before", "removed after", "kept")
    payloads = [message.payload for message in (await world.reader.after(SHARD, VIDEO, one - 1, 3))[0]]
    await jetstream.erase(world.connection, SHARD, two)
    await world.start()
    await world.archived([one, three])
    await report(world, [one, two, three], payloads=payloads)  # the delete is not archived yet
    await until_audited(audited + 3)
    deletes = [
        await world.store(
            orjson.dumps({"by": "mod", "commentId": str(number), "userId": "ann", "timestamp": 1}), kind="delete"
        )
        for number in (one, two)
    ]
    await world.archived([one, two, three, *deletes])
    acknowledged = Acknowledged()
    for number in deletes:
        acknowledged.add(number, None)
    await world.connection.publish(subjects.audit(SHARD), encode_report({VIDEO: acknowledged}))
    await report(world, [one, two, three], payloads=payloads)
    await until_audited(audited + 8)
    assert (counted("lost"), counted("differing")) == (lost, differing)
