"""What the migrations make: tables, blocks, rights."""

import asyncio
from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest

from tests.servers import Database, PostgresServer

BLOCK = 1 << 22


@pytest.fixture
async def owner(postgres: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(postgres.dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def archiver(postgres: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(postgres.dsn_of("archiver"))
    yield connection
    await connection.close()


@pytest.fixture
async def history(postgres: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(postgres.dsn_of("history"))
    yield connection
    await connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO comments (shard, video_id, comment_id, posted_ms, kind) VALUES (0, 'v', 1, 1, 'x')",
        "UPDATE comments SET user_id = 'x'",
        "UPDATE comments SET comment_id = 1",
        "UPDATE moderation_log SET actor = 'x'",
        "DELETE FROM moderation_log",
        "DELETE FROM comments",
        "TRUNCATE comments",
        "UPDATE archive_position SET through = 1",
        "UPDATE cluster SET shards = 1",
        "SELECT ensure_block(0, 1)",
        "CREATE TABLE mine (a int)",
    ],
)
async def test_history_can_only_read(history: asyncpg.Connection, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await history.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE comments SET user_id = 'x'",
        "UPDATE comments SET comment_id = 1",
        "UPDATE moderation_log SET actor = 'x'",
        "DELETE FROM moderation_log",
        "DELETE FROM comments",
        "TRUNCATE comments",
        "DROP TABLE comments",
        "INSERT INTO archive_position (shard, through) VALUES (0, 0)",
        "UPDATE archive_position SET shard = 1",
        "DELETE FROM archive_position",
        "UPDATE cluster SET shards = 1",
        "CREATE TABLE mine (a int)",
    ],
)
async def test_the_archiver_adds_and_takes_texts_away_and_nothing_else(
    archiver: asyncpg.Connection, statement: str
) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await archiver.execute(statement)


async def test_a_number_without_a_block_is_refused_and_with_one_it_goes_there(
    archiver: asyncpg.Connection, owner: asyncpg.Connection
) -> None:
    store = "INSERT INTO comments (shard, video_id, comment_id, posted_ms, kind) VALUES (3, 'v', $1, 1, 'x')"
    for number in (BLOCK - 1, BLOCK, 2**53 - 1):
        with pytest.raises(asyncpg.CheckViolationError, match="no partition"):
            await archiver.execute(store, number)
        for _ in range(2):
            await archiver.execute("SELECT ensure_block(3, $1)", number)
        await archiver.execute(store, number)
    blocks = await owner.fetch("SELECT tableoid::regclass::text FROM comments WHERE shard = 3 ORDER BY comment_id")
    assert [block[0] for block in blocks] == ["comments_3_0", "comments_3_1", f"comments_3_{(2**53 - 1) // BLOCK}"]


@pytest.mark.parametrize(("shard", "number"), [(-1, 1), (1024, 1), (0, 0), (0, -5), (0, 2**53)])
async def test_no_block_is_made_for_what_cannot_be(archiver: asyncpg.Connection, shard: int, number: int) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError):
        await archiver.execute("SELECT ensure_block($1, $2)", shard, number)


async def test_a_block_is_made_while_others_read_and_write(
    archiver: asyncpg.Connection, history: asyncpg.Connection, owner: asyncpg.Connection
) -> None:
    await archiver.execute("SELECT ensure_block(0, 1)")
    reading, writing = history.transaction(), owner.transaction()
    await reading.start()
    await writing.start()
    await history.fetch("SELECT comment_id FROM comments WHERE shard = 0")
    await owner.execute(
        "INSERT INTO comments (shard, video_id, comment_id, posted_ms, kind) VALUES (0, 'v', 5, 1, 'x')"
    )
    async with asyncio.timeout(3):
        await archiver.execute("SELECT ensure_block(0, $1)", 7 * BLOCK)
        await archiver.execute("SELECT ensure_block(1, $1)", 7 * BLOCK)
    await writing.rollback()
    await reading.rollback()


async def test_two_archivers_may_want_the_same_block_at_once(postgres: Database) -> None:
    connections = [await asyncpg.connect(postgres.dsn_of("archiver")) for _ in range(6)]
    try:
        for number in range(20 * BLOCK, 24 * BLOCK, BLOCK):
            await asyncio.gather(*(one.execute("SELECT ensure_block(5, $1)", number) for one in connections))
    finally:
        for one in connections:
            await one.close()


async def test_the_migrations_can_be_taken_back_and_made_again(
    fresh_database: Callable[[], Database], postgres_server: PostgresServer
) -> None:
    database = fresh_database()
    owner = await asyncpg.connect(database.dsn)
    try:
        await owner.execute("SELECT ensure_block(0, 1)")
        applied = await owner.fetchval("SELECT count(*) FROM schema_migrations")
        for _ in range(applied):
            postgres_server.migrate(database.name, "down")
        left = await owner.fetch("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace")
        assert {row[0] for row in left} == {"schema_migrations", "schema_migrations_pkey"}
        postgres_server.migrate(database.name)
        assert await owner.fetchval("SELECT count(*) FROM comments") == 0
    finally:
        await owner.close()


async def test_who_migrates_need_not_be_allowed_to_create_roles(postgres_server: PostgresServer) -> None:
    postgres_server.psql("postgres", "CREATE ROLE plain LOGIN")
    postgres_server.psql("postgres", "CREATE DATABASE of_plain OWNER plain")
    postgres_server.migrate("of_plain", role="plain")
