"""A comment that was acknowledged and is not in Postgres is noticed, and nothing else is."""

from __future__ import annotations

import signal

import orjson
import pytest
from nats.aio.client import Client
from prometheus_client import REGISTRY

from runtime import jetstream
from tests.archive.conftest import SHARD, SHARDS, VIDEO, World, until
from tests.archive.test_outages import holders, start_process, waiting
from wire import subjects
from wire.audit import Acknowledged, encode_report
from writer.archiving import archive_audit, archiver, audit_reports
from writer.archiving.archive import Archive
from writer.archiving.archive_audit import REPORTS_AT_ONCE, ArchiveAudit
from writer.audit_log import AuditLog


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


async def until_there_are(world: World, *, hold: int, wait: int) -> None:
    async def there() -> bool:
        return (await holders(world), await waiting(world)) == (hold, wait)

    await until(there)


async def test_what_a_killed_archiver_had_heard_is_compared_by_the_one_that_takes_over(world: World) -> None:
    audited, lost, unaudited = counted("audited"), counted("lost"), counted("unaudited")
    holder = start_process(world)
    try:
        await until_there_are(world, hold=SHARDS, wait=0)
        await world.start()
        await until_there_are(world, hold=SHARDS, wait=SHARDS)
        numbers = [await world.store(b"no comment at all"), *await world.say("one", "two", "three")]
        await world.archived(numbers[1:])
        holder.send_signal(signal.SIGSTOP)  # so that it does not come to compare
        await report(world, numbers)
        await world.owner.execute("DELETE FROM comments WHERE comment_id = $1", numbers[2])
        await world.connection.flush()
        holder.kill()
        await until_audited(audited + 4)
        assert (counted("lost"), counted("unaudited")) == (lost + 1, unaudited)
    finally:
        holder.kill()
        holder.wait()


async def test_what_an_archiver_had_heard_that_was_the_only_one_when_it_was_killed_is_compared_by_the_next(
    world: World,
) -> None:
    """Its writer says it again; and what was set aside meanwhile is not taken for lost by one that did not hear it."""
    audited, lost, unaudited = counted("audited"), counted("lost"), counted("unaudited")
    log = AuditLog(world.connection, SHARDS)
    await log.start()
    killed = start_process(world)
    try:
        await until_there_are(world, hold=SHARDS, wait=0)
        numbers = [await world.store(b"no comment at all"), *await world.say("one", "two", "three")]
        await world.archived(numbers[1:])
        killed.send_signal(signal.SIGSTOP)  # so that it does not come to compare
        for message in (await world.reader.after(SHARD, VIDEO, numbers[0] - 1, 10))[0]:
            log.note(SHARD, VIDEO, message.number, message.payload)
        await log.report()
        await world.owner.execute("DELETE FROM comments WHERE comment_id = $1", numbers[2])
        await world.connection.flush()
    finally:
        killed.kill()
        killed.wait()
    await world.start()
    await until_audited(audited + 4)
    assert (counted("lost"), counted("unaudited")) == (lost + 1, unaudited)

    async def forgotten() -> bool:
        return not log._kept

    await until(forgotten)


async def test_what_was_compared_is_not_compared_again_after_a_takeover(world: World) -> None:
    audited = counted("audited")
    first = await world.start()
    await until_there_are(world, hold=SHARDS, wait=0)
    second = await world.start()
    await until_there_are(world, hold=SHARDS, wait=SHARDS)
    numbers = await world.say("one", "two", "three")
    await world.archived(numbers)
    await report(world, numbers)
    await until_audited(audited + 3)

    async def heard_that_it_was_compared() -> bool:
        return not second._archivers[SHARD].audit._reports.due(numbers[-1], 1)

    await until(heard_that_it_was_compared)
    await world.stop(first)
    numbers += await world.say("four")
    await world.archived(numbers)
    [last], _ = await world.reader.after(SHARD, VIDEO, numbers[-1] - 1, 1)
    await report(world, numbers[-1:], payloads=[last.payload])
    await until_audited(audited + 4)


async def test_after_an_outage_a_few_reports_are_compared_at_a_time_and_all_in_the_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archiver, "POLL_S", 60)
    audited, lost = counted("audited"), counted("lost")
    service = await world.start()
    numbers = await world.say(*(f"text {n}" for n in range(2 * REPORTS_AT_ONCE + 5)))
    await world.archived(numbers)
    reports = [encode_report({VIDEO: Acknowledged([number], None)}) for number in numbers]

    audit, archive = ArchiveAudit(Client(), SHARD), await Archive.open(world.settings, SHARD)  # it tells nobody
    try:
        for one in reports:
            audit.heard(one)
        assert await audit.compare(archive, numbers[-1])
        assert counted("audited") == audited + REPORTS_AT_ONCE
        with monkeypatch.context() as fewer:
            fewer.setattr(archive_audit, "NUMBERS_AT_ONCE", 2)
            assert await audit.compare(archive, numbers[-1])
        assert counted("audited") == audited + REPORTS_AT_ONCE + 2
    finally:
        await archive.aclose()

    for one in reports:
        await world.connection.publish(subjects.audit(SHARD), one)

    async def all_heard() -> bool:
        return len(service._archivers[SHARD].audit._reports.due(numbers[-1], len(numbers))) == len(numbers)

    await until(all_heard)
    await world.say("another one")  # once there is something to archive, all are compared, and not some a minute
    await until_audited(audited + REPORTS_AT_ONCE + 2 + len(numbers))
    assert counted("lost") == lost


async def test_what_had_to_be_dropped_is_counted_by_the_one_whose_turn_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(audit_reports, "MAX_REPORTS", 2)
    unaudited, audit = counted("unaudited"), ArchiveAudit(Client(), SHARD)  # which says nothing here
    for number in range(10, 60, 10):
        audit.heard(encode_report({VIDEO: Acknowledged([number, number + 1], None)}))
    assert counted("unaudited") == unaudited + 6
    audit.is_ours = False  # whoever has the turn compares, or counts
    audit.heard(encode_report({VIDEO: Acknowledged([60], None)}))
    assert counted("unaudited") == unaudited + 6


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
    nonsense = (b"", b"[]", b"1", b'{"v":1}', b'{"v":[0,[],null]}', b'{"v":[1,["x"],null]}', b'{"v":[1,[-5],"1"]}')
    for data in (*nonsense, rb'{"\u0000":[1,[],null]}', b'{"v":[1.5,[1],null]}', b'{"v":[true,[],null]}'):
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
    await report(world, [one, two], payloads=payloads[:2])
    await until_audited(audited + 7)
    assert (counted("lost"), counted("differing")) == (lost, differing)
