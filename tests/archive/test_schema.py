"""What the migrations make: tables, blocks, rights."""

import asyncpg
import pytest

from tests.servers import Database


async def test_a_part_has_just_the_rights_that_it_needs(postgres: Database) -> None:
    history = await asyncpg.connect(postgres.dsn_of("history"))
    archiver = await asyncpg.connect(postgres.dsn_of("archiver"))
    try:
        for statement in (
            "INSERT INTO comments (shard, video_id, comment_id, posted_ms, kind) VALUES (0, 'v', 1, 1, 'x')",
            "UPDATE archive_position SET through = 1",
            "DELETE FROM comments",
            "SELECT ensure_block(0, 1)",
            "CREATE TABLE mine (a int)",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await history.execute(statement)
        for statement in (
            "DELETE FROM comments",
            "UPDATE comments SET message = 'x'",
            "TRUNCATE comments",
            "INSERT INTO archive_position VALUES (0, 0)",
            "UPDATE archive_position SET shard = 1",
            "UPDATE cluster SET shards = 1",
            "CREATE TABLE mine (a int)",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await archiver.execute(statement)
    finally:
        await history.close()
        await archiver.close()
