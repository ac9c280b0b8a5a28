"""How Postgres reads a page: in the blocks that can hold it, newest first, and no further than needed."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import orjson
import pytest

from history.archive import _QUERIES, _SESSION
from tests.history.conftest import BASE, BLOCK
from tests.servers import Database
from wire.number import MAX_NUMBER

BLOCKS = 6
PER_BLOCK = 20_000
SLOW = {"Seq Scan", "Sort", "Incremental Sort", "Bitmap Heap Scan"}
SMALL = ("archive_position", "removals")  # tables of a few rows, if any
VIDEOS = 50  # 'v0' … in every block; 'rare' has ten comments, all in the third block


@pytest.fixture(scope="module", params=["analysed", "never analysed"])
async def filled(request: pytest.FixtureRequest, fresh_database: Any) -> Database:
    database: Database = fresh_database()
    owner = await asyncpg.connect(database.dsn)
    for block in range(BLOCKS):
        start = BASE + block * BLOCK
        await owner.execute("SELECT ensure_block(0, $1)", start)
        await owner.execute(
            """
            INSERT INTO comments (shard, video_id, comment_id, user_id, message, posted_ms)
            SELECT 0, 'v' || n % $2, $1::bigint + n, 'ann', repeat('x', 60), $1::bigint + n
            FROM generate_series(0, $3::int - 1) AS n
            """,
            start,
            VIDEOS,
            PER_BLOCK,
        )
    await owner.execute(
        """
        INSERT INTO comments (shard, video_id, comment_id, user_id, message, posted_ms)
        SELECT 0, 'rare', $1::bigint + n, 'ann', 'x', $1::bigint + n FROM generate_series(100000, 100009) AS n
        """,
        BASE + 2 * BLOCK,
    )
    await owner.execute("INSERT INTO archive_position (shard, through) VALUES (0, $1)", BASE + BLOCKS * BLOCK)
    if request.param == "analysed":
        await owner.execute("ANALYZE comments")
    await owner.close()
    return database


@pytest.fixture
async def session(filled: Database) -> AsyncIterator[asyncpg.Connection]:
    """A session as history has it."""
    connection = await asyncpg.connect(filled.dsn_of("history"), server_settings=_SESSION)
    yield connection
    await connection.close()


async def read(session: asyncpg.Connection, query: str, *values: Any) -> list[dict[str, Any]]:
    """Return the steps that Postgres really took in tables. What is read comes in order; only an answer is sorted."""
    plan = await session.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {_QUERIES[query]}", *values)
    steps: list[dict[str, Any]] = []

    def walk(node: dict[str, Any], *, is_answer: bool = False) -> None:
        if not is_answer and node.get("Relation Name") not in SMALL:
            assert node["Node Type"] not in SLOW
        if node.get("Relation Name") not in (None, *SMALL) and node["Actual Loops"]:
            steps.append(node)
        for child in node.get("Plans", ()):
            walk(child)

    walk(orjson.loads(plan)[0]["Plan"], is_answer=True)
    return steps


def steps_in(plan: str, table: str) -> Iterator[dict[str, Any]]:
    """Yield the steps of a plan that look into a table."""
    nodes = [orjson.loads(plan)[0]["Plan"]]
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", ())
        if node.get("Relation Name") == table:
            yield node


def blocks(steps: list[dict[str, Any]]) -> list[int]:
    """Which blocks were read, counted from the oldest."""
    return [int(step["Relation Name"].rsplit("_", 1)[1]) - BASE // BLOCK for step in steps]


async def test_the_newest_page_is_one_index_descent_in_the_newest_block(session: asyncpg.Connection) -> None:
    steps = await read(session, "page_desc", 0, "v7", 0, MAX_NUMBER + 1, 51)
    assert blocks(steps) == [BLOCKS - 1]
    assert sum(step["Index Searches"] for step in steps) == 1
    assert sum(step.get("Rows Removed by Filter", 0) for step in steps) == 0


async def test_after_a_lift_a_page_passes_over_the_numbers_that_were_never_given(
    session: asyncpg.Connection, filled: Database
) -> None:
    """A shard that was lifted goes on hours of numbers later: the blocks between are not there."""
    lifted_to = BASE + 5_000 * BLOCK + 1234
    owner = await asyncpg.connect(filled.dsn)
    for start in (BASE, lifted_to):
        await owner.execute("SELECT ensure_block(1, $1)", start)
        await owner.execute(
            """
            INSERT INTO comments (shard, video_id, comment_id, user_id, message, posted_ms)
            SELECT 1, 'v', $1::bigint + n, 'ann', 'x', n FROM generate_series(0, 999) AS n ON CONFLICT DO NOTHING
            """,
            start,
        )
    await owner.close()
    newest = await read(session, "page_desc", 1, "v", 0, MAX_NUMBER + 1, 51)
    assert blocks(newest) == [5_000]
    before = await read(session, "page_desc", 1, "v", 0, lifted_to, 51)
    assert blocks(before)[-1] == 0
    on = await read(session, "page_asc", 1, "v", BASE + 999, MAX_NUMBER + 1, 51)
    assert blocks(on)[-1] == 5_000
    for steps in (newest, before, on):
        assert sum(step["Index Searches"] for step in steps) <= 2


async def test_a_page_deep_in_history_is_one_index_descent_in_its_block(session: asyncpg.Connection) -> None:
    cursor = BASE + BLOCK + PER_BLOCK // 2
    for query, after, before in (("page_desc", 0, cursor), ("page_asc", cursor, MAX_NUMBER + 1)):
        steps = await read(session, query, 0, "v7", after, before, 51)
        assert blocks(steps) == [1]
        assert sum(step["Index Searches"] for step in steps) == 1


async def test_a_page_over_the_border_of_two_blocks_reads_those_two(session: asyncpg.Connection) -> None:
    steps = await read(session, "page_desc", 0, "v7", 0, BASE + 3 * BLOCK + VIDEOS * 10, 51)
    assert blocks(steps) == [3, 2]
    assert sum(step["Index Searches"] for step in steps) == 2


async def test_a_video_that_is_rare_costs_one_index_descent_a_block(session: asyncpg.Connection) -> None:
    for video in ("rare", "unknown"):
        steps = await read(session, "page_desc", 0, video, 0, MAX_NUMBER + 1, 51)
        assert sum(step["Index Searches"] for step in steps) <= BLOCKS
        assert sum(step["Shared Hit Blocks"] + step["Shared Read Blocks"] for step in steps) < BLOCKS * 5


async def test_a_replay_reads_as_a_page_does(session: asyncpg.Connection) -> None:
    steps = await read(session, "replay", 0, "v7", 0, MAX_NUMBER, 101)
    assert blocks(steps) == [BLOCKS - 1]
    assert sum(step["Index Searches"] for step in steps) == 1


async def test_a_replay_asks_once_for_removals_and_not_once_a_message(session: asyncpg.Connection) -> None:
    plan = await session.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {_QUERIES['replay']}", 0, "v7", 0, MAX_NUMBER, 101)
    assert sum(step["Actual Loops"] for step in steps_in(plan, "removals")) == 1


async def test_a_time_is_found_in_milliseconds(session: asyncpg.Connection) -> None:
    wanted = BASE + 3 * BLOCK + 1007
    assert await session.fetchval(_QUERIES["comment_at"], 0, "v7", wanted) == wanted
    began = time.perf_counter()
    for _ in range(20):
        await session.fetchval(_QUERIES["comment_at"], 0, "v7", wanted)
    assert (time.perf_counter() - began) / 20 < 0.1
