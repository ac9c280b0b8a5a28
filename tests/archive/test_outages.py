"""The archiver goes on whatever happens around it."""

import asyncio
import signal
import subprocess
import sys

import pytest

from runtime import postgres
from runtime.jetstream import StoreError
from tests.archive.conftest import SHARD, SHARDS, VIDEO, WITHIN_S, World, metric, until, until_metric
from tests.servers import ROOT, free_port
from wire.video import shard_of
from writer.archiving import archive, archive_lag, archiver
from writer.archiving.archive import Archive, Removal
from writer.archiving.lifting import Lift

RUN = """
from runtime.service import run
from runtime.settings import read_settings
from writer.archiving.archiver_app import make_service
run(make_service, read_settings())
"""


def start_process(world: World) -> subprocess.Popen[bytes]:
    given = world.settings
    environment = {
        "LIVECOMMENTS_LISTEN": f"127.0.0.1:{free_port()}",
        "LIVECOMMENTS_SHARDS": str(given.shards),
        "LIVECOMMENTS_NATS_URL": given.nats_url,
        "LIVECOMMENTS_POSTGRES_DSN": given.postgres_dsn,
    }
    return subprocess.Popen([sys.executable, "-c", RUN], env=environment, cwd=ROOT, stderr=subprocess.DEVNULL)


async def lag_grows_until_postgres_is_back(world: World) -> None:
    async def ages() -> bool:
        return metric("livecomments_archive_lag_seconds") > 1

    await until(ages)
    world.postgres.start()
    await world.reconnect()
    await until_metric("livecomments_archive_lag_numbers", 0)
    assert metric("livecomments_archive_lag_seconds") == 0


async def holders(world: World) -> int:
    """How many shards it is somebody's turn to archive."""
    return await world.owner.fetchval(
        """
        SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
        WHERE locktype = 'advisory' AND granted AND datname = $1
        """,
        world.database.name,
    )


async def waiting(world: World) -> int:
    """How many sessions wait for a turn."""
    return await world.owner.fetchval(
        """
        SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
        WHERE locktype = 'advisory' AND NOT granted AND datname = $1
        """,
        world.database.name,
    )


async def test_another_archiver_takes_over_within_seconds_of_a_crash(world: World) -> None:
    first = start_process(world)
    second = None
    try:

        async def first_holds_all() -> bool:
            return await holders(world) == SHARDS

        async def second_waits() -> bool:
            return await waiting(world) == SHARDS

        await until(first_holds_all)
        second = start_process(world)
        await until(second_waits)
        numbers = await world.say("one")
        await world.archived(numbers)
        first.send_signal(signal.SIGKILL)
        first.wait()
        numbers += await world.say("two")
        await world.archived(numbers, within_s=3)
    finally:
        for process in (first, second):
            if process is not None:
                process.kill()
                process.wait()


async def test_two_archivers_store_every_comment_once(world: World) -> None:
    await world.start()
    await world.start()
    numbers: list[int] = []
    for text in "abcdefghij":
        numbers += await world.say(text)
    await world.archived(numbers)

    async def one_holds_and_one_waits() -> bool:
        return await holders(world) == await waiting(world) == SHARDS

    await until(one_holds_and_one_waits)


async def test_a_process_ends_in_order_when_it_is_told_to(world: World) -> None:
    process = start_process(world)
    try:

        async def holds_all() -> bool:
            return await holders(world) == SHARDS

        await until(holds_all)
        process.terminate()
        assert await asyncio.to_thread(process.wait, 5) == 0
    finally:
        process.kill()
        process.wait()


async def test_a_postgres_that_crashed_is_caught_up(world: World) -> None:
    service = await world.start()
    numbers = await world.say("before")
    await world.archived(numbers)
    world.postgres.kill()
    numbers += await world.say("while it is away")

    async def noticed() -> bool:
        return service.not_ready() is not None

    await until(noticed)
    numbers += await world.say("still away")
    world.postgres.start()
    await world.reconnect()
    await world.archived(numbers)

    async def well() -> bool:
        return service.not_ready() is None

    await until(well)


async def test_the_lag_shows_while_postgres_is_away(world: World) -> None:
    await world.start()
    await world.archived(await world.say("before"))
    world.postgres.kill()
    await world.say("one", "two")
    await until_metric("livecomments_archive_lag_numbers", 2)
    await lag_grows_until_postgres_is_back(world)


async def test_the_lag_shows_as_well_where_an_archiver_has_never_reached_postgres(world: World, monkeypatch) -> None:
    monkeypatch.setattr(archive_lag, "WATCH_INTERVAL_S", 0.1)
    holder = await world.start()
    numbers = await world.say("before")
    await world.archived(numbers)
    stands_by = await world.start()

    async def one_waits() -> bool:
        return await waiting(world) == SHARDS

    await until(one_waits)
    await world.archived(numbers + await world.say("heard of"))
    world.postgres.kill()
    await world.stop(holder)
    await world.say("one", "two")
    # What the one that was killed said last is known to whoever stood by.
    await until_metric("livecomments_archive_lag_numbers", 2)
    await world.stop(stands_by)
    await world.start()
    # Who has heard nothing cannot tell what of the stream is archived, and takes it for nothing.
    await until_metric("livecomments_archive_lag_numbers", 4)
    await lag_grows_until_postgres_is_back(world)


async def test_a_postgres_that_went_silent_is_caught_up_when_it_speaks_again(world: World) -> None:
    await world.start()
    numbers = await world.say("before")
    await world.archived(numbers)
    world.postgres.pause()
    numbers += await world.say("silent")
    await until_metric("livecomments_archive_lag_numbers", 1)
    world.postgres.resume()
    await world.archived(numbers)


async def test_a_postgres_that_was_set_back_is_caught_up_while_nobody_posts(world: World) -> None:
    await world.start()
    numbers = await world.say("one", "two", "three", "four")
    await world.archived(numbers)
    async with world.owner.transaction():
        await world.owner.execute("DELETE FROM comments WHERE comment_id > $1", numbers[1])
        await world.move_position(by=-2)
    await world.archived(numbers)
    assert await world.position() == numbers[-1]


async def test_a_postgres_that_was_set_back_is_caught_up_with_the_next_comment(world: World) -> None:
    await world.start()
    numbers = await world.say("one", "two", "three")
    await world.archived(numbers)
    async with world.owner.transaction():
        await world.owner.execute("DELETE FROM comments WHERE comment_id > $1", numbers[0])
        await world.move_position(by=-2)
    numbers += await world.say("four")
    await world.archived(numbers)


async def test_a_nats_server_that_crashed_is_read_on_from_where_it_was(world: World) -> None:
    service = await world.start()
    numbers = await world.say("before")
    await world.archived(numbers)
    world.nats.kill()

    async def noticed() -> bool:
        return service.not_ready() is not None

    await until(noticed)
    world.nats.start()

    async def back() -> bool:
        return world.connection.is_connected and service.not_ready() is None

    await until(back)
    numbers += await world.say("after")
    await world.archived(numbers)


async def test_without_nats_for_long_the_turn_goes_to_an_archiver_that_may_have_it(world: World, monkeypatch) -> None:
    monkeypatch.setattr(archiver, "NATS_AWAY_S", 1)
    await world.start()

    async def all_held() -> bool:
        return await holders(world) == SHARDS

    async def given_up() -> bool:
        return await holders(world) < SHARDS

    await until(all_held)
    world.nats.kill()
    await until(given_up, within_s=30)
    world.nats.start()

    async def back() -> bool:
        return world.connection.is_connected

    await until(back)
    await world.archived(await world.say("after"), within_s=15)


async def test_a_session_that_is_ended_from_outside_begins_anew(world: World) -> None:
    await world.start()
    numbers = await world.say("before")
    await world.archived(numbers)
    ended = await world.owner.fetchval(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()",
        world.database.name,
    )
    assert ended == SHARDS
    numbers += await world.say("after")
    await world.archived(numbers)


async def test_each_shard_goes_its_own_way(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    other = next(name for name in "abcdefgh" if shard_of(name, SHARDS) != SHARD)

    async def breaks_off(*_: object) -> int:
        raise StoreError("cannot be lifted")

    monkeypatch.setattr(Lift, "run", breaks_off)
    await world.start()
    await world.move_position(by=5)
    await until_metric("livecomments_archive_stopped", 1)
    [number] = await world.say("hello", video=other)

    async def there() -> bool:
        return await world.numbers(other) == [number]

    await until(there)
    await world.say("refused", video=VIDEO)
    assert await world.numbers() == []
    assert metric("livecomments_archive_stopped") == 1


async def test_an_archiver_that_hangs_gives_its_shards_to_another_one(world: World, monkeypatch) -> None:
    """Its process is there, and so is its connection: only that it says nothing shows it."""
    monkeypatch.setattr(archive, "IDLE_S", 1)
    hangs = await Archive.open(world.settings, SHARD)
    other = await Archive.open(world.settings, SHARD)
    try:
        await hangs.take_turn()
        await asyncio.wait_for(other.take_turn(), WITHIN_S)
        with pytest.raises(postgres.AWAY):
            await hangs.position()
    finally:
        await hangs.aclose()
        await other.aclose()


async def test_a_statement_that_runs_out_of_time_ends_the_session_without_waiting_for_a_rollback(
    world: World, monkeypatch
) -> None:
    """A silent Postgres would answer a rollback as little; both times together are more than it may take to notice."""
    monkeypatch.setattr(archive, "STATEMENT_S", 0.5)
    removal = Removal(VIDEO, "ada", upto=2, reached=0)
    session = await Archive.open(world.settings, SHARD)
    try:
        async with world.owner.transaction():
            await world.owner.execute("LOCK TABLE erasures IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(postgres.AWAY):
                await session.remove(removal, [1], None, unerased=[1])
        assert session._session.is_closed()
    finally:
        await session.aclose()
