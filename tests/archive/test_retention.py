"""Old blocks are dropped whole, where that is wanted, and nothing else ever is."""

from __future__ import annotations

import time

import asyncpg
import pytest

from runtime.settings import Settings
from tests.archive.conftest import SHARD, VIDEO, World, metric, until, until_metric
from wire.number import BLOCK_BITS
from writer.archiving import retention

BLOCK = 1 << BLOCK_BITS
HOUR_MS = 3_600_000
DROPPED = "livecomments_archive_blocks_dropped_total"


def now_ms() -> int:
    return int(time.time() * 1000)


async def fill(world: World, block: int, *hours_old: float) -> list[int]:
    """Put comments of these ages into a block."""
    numbers = [block * BLOCK + 1 + place for place in range(len(hours_old))]
    await world.owner.execute("SELECT ensure_block($1, $2)", SHARD, numbers[0])
    for number, hours in zip(numbers, hours_old, strict=True):
        await world.owner.execute(
            "INSERT INTO comments (shard, video_id, comment_id, kind, posted_ms) VALUES ($1, $2, $3, 'x', $4)",
            SHARD, VIDEO, number, now_ms() - int(hours * HOUR_MS),
        )  # fmt: skip
    return numbers


async def drop(world: World, hours: float) -> int | None:
    archiver = await asyncpg.connect(world.settings.postgres_dsn)
    try:
        return await archiver.fetchval("SELECT drop_old_block($1, $2)", SHARD, now_ms() - int(hours * HOUR_MS))
    finally:
        await archiver.close()


async def test_only_the_oldest_block_goes_and_only_when_all_of_it_is_older(world: World) -> None:
    first, second, third = await fill(world, 1, 9, 8), await fill(world, 2, 7, 4), await fill(world, 3, 2)
    assert await drop(world, 8.5) is None  # one of its comments is younger
    assert await world.numbers() == first + second + third
    assert await drop(world, 6) == BLOCK
    assert await drop(world, 6) is None
    assert await world.numbers() == second + third


async def test_one_young_comment_among_the_old_ones_keeps_a_block(world: World) -> None:
    first, second = await fill(world, 1, 9, 2, *[8] * 500), await fill(world, 2, 1.5)
    assert await drop(world, 3) is None
    assert await world.numbers() == first + second


async def test_the_newest_block_stays_however_old_it_is(world: World) -> None:
    await fill(world, 1, 9)
    newest = await fill(world, 4, 8)
    assert await drop(world, 2) == BLOCK
    assert await drop(world, 2) is None
    assert await world.numbers() == newest


async def test_blocks_of_other_shards_and_shards_without_any_are_left_alone(world: World) -> None:
    assert await drop(world, 2) is None
    for block in (1, 2):
        await world.owner.execute("SELECT ensure_block($1, $2)", 1 - SHARD, block * BLOCK + 1)
    assert await drop(world, 2) is None


async def test_nothing_younger_than_an_hour_is_dropped_whatever_the_archiver_asks(world: World) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError):
        await drop(world, 0.5)
    with pytest.raises(ValueError, match="an hour"):
        Settings(retention_s=60)


async def test_what_is_read_for_long_is_dropped_later_and_holds_up_nobody(world: World) -> None:
    first, second = await fill(world, 1, 9), await fill(world, 2, 1.5)
    reading = await asyncpg.connect(world.database.dsn_of("history"))
    transaction = reading.transaction()
    await transaction.start()
    await reading.fetch("SELECT * FROM comments WHERE shard = $1", SHARD)
    with pytest.raises(asyncpg.LockNotAvailableError):
        await drop(world, 3)
    assert await world.numbers() == first + second
    await transaction.rollback()
    await reading.close()
    assert await drop(world, 3) == BLOCK


async def test_an_archiver_drops_what_is_too_old_and_goes_on_archiving(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "LOOK_EVERY_S", 0.1)
    dropped = metric(DROPPED)
    await fill(world, 1, 9)
    await fill(world, 2, 8)
    kept = await fill(world, 3, 1.5)
    await world.start(retention_s=3 * 3600)

    async def gone() -> bool:
        return await world.numbers() == kept

    await until(gone)
    await until_metric(DROPPED, dropped + 2)  # which is counted after Postgres has done it
    numbers = await world.say("new")
    await world.archived(kept + numbers)


async def test_without_a_limit_nothing_is_dropped(world: World) -> None:
    old = await fill(world, 1, 9000) + await fill(world, 2, 8000)
    await world.start()
    numbers = await world.say("new")
    await world.archived(old + numbers)
