"""Reading from Postgres, quickly or not at all.

While Postgres is away, restarts, or has gone silent, a reader is told so within `WAIT_S + STATEMENT_S + GIVE_BACK_S`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from history.metrics import ARCHIVE_AWAY, READ_SECONDS, SECOND_CHOICE
from history.row import Row
from history.windows import windows
from runtime import postgres
from runtime.logs import get_logger
from runtime.postgres import ArchiveAwayError
from runtime.queries import load_queries
from runtime.settings import Settings
from runtime.streams import check_born_with
from wire.number import MAX_NUMBER
from wire.page import PageRequest

WAIT_S: Final = 1.0  # for a connection out of the pool, or a new one
STATEMENT_S: Final = 1.5
GIVE_BACK_S: Final = 0.3  # for a statement that took too long to be cancelled
MAX_READS: Final = 200  # at once; more are refused, they would wait too long anyway

_QUERIES: Final = load_queries("history", "archive.sql")
_QUERIES.update({f"page_{order.lower()}": _QUERIES["page"].replace("{order}", order) for order in ("ASC", "DESC")})
_SESSION: Final = {
    "default_transaction_read_only": "on",
    "statement_timeout": "3s",  # for what this process could not cancel any more
    # A plan made for these very numbers leaves out the blocks that cannot hold them and reads the others in order; one
    # made for any numbers sorts what all blocks hold (28 ms instead of 1 ms with 32 blocks).
    "plan_cache_mode": "force_custom_plan",
    "jit": "off",
}
# A block was made or dropped under a prepared statement; a second attempt is prepared anew.
_PLAN_IS_STALE: Final = (asyncpg.InvalidCachedStatementError, asyncpg.UndefinedTableError, asyncpg.InternalServerError)

_log = get_logger("history")


class Archive:
    """The archive, as readers see it. Everything here raises `ArchiveAwayError` when Postgres is away."""

    def __init__(self, settings: Settings) -> None:
        self.reached = False  # once, and the cluster is the right one
        self._settings = settings
        self._pool: asyncpg.Pool | None = None
        self._reading = 0
        self._away = False

    async def open(self) -> None:
        """Make the pool; connections come when they are needed."""
        self._pool = await postgres.pool(self._settings, "history", _SESSION, chosen=SECOND_CHOICE.set)

    async def close(self) -> None:
        """Close all connections."""
        if self._pool is not None:
            await postgres.close(self._pool)

    async def check(self) -> None:
        """Raise `SettingsError` when the cluster was born with another number of shards."""
        rows = await self._read("born_with")
        check_born_with(rows[0][0] if rows else None, self._settings)
        self.reached = True

    async def positions(self) -> list[tuple[int, int]]:
        """Return how far each shard is archived, as it can be read here."""
        return [(row["shard"], row["through"]) for row in await self._read("positions")]

    async def page(self, shard: int, video: str, wanted: PageRequest, newest: int = 0) -> Sequence[Row]:
        """Return the rows of a page, and one more where there is more.

        `newest` is a number of the shard's newest block, 0 where that is not known.
        """
        self._must_be_checked()
        after, before = 0, MAX_NUMBER + 1
        if wanted.at_ms is not None:
            after, before = await self._at(shard, video, wanted.at_ms, wanted.sort)
        elif wanted.cursor is not None:
            after, before = (wanted.cursor, before) if wanted.sort == "asc" else (after, wanted.cursor)
        rows: list[Row] = []
        for low, high in windows(after, before, wanted.sort, newest):
            rows += await self._read(f"page_{wanted.sort}", shard, video, low, high, wanted.limit + 1 - len(rows))
            if len(rows) > wanted.limit:
                break
        return rows

    async def replay(self, shard: int, video: str, after: int, upto: int, limit: int) -> Sequence[Row]:
        """Return the newest `limit` messages with `after` < number <= `upto`, newest first, each with `through`.

        Without any there is one row whose `comment_id` is None; a shard that has no stream yet has no row at all.
        """
        self._must_be_checked()
        return await self._read("replay", shard, video, after, upto, limit)

    async def moderation_log(self, shard: int, video: str, below: int, limit: int) -> Sequence[Row]:
        """Return what moderators did on a video below a number, the newest first."""
        self._must_be_checked()
        return await self._read("moderation_log", shard, video, below, limit)

    async def ban(self, shard: int, video: str, user_id: str) -> Row | None:
        """Return the last ban of a user from a video, or its end, as the log of moderation has it; None for none."""
        self._must_be_checked()
        rows = await self._read("ban", shard, video, user_id)
        return rows[0] if rows else None

    def _must_be_checked(self) -> None:
        """With another number of shards, videos would be looked for where they are not, and found empty."""
        if not self.reached:
            raise ArchiveAwayError("not reached yet")

    async def _at(self, shard: int, video: str, at_ms: int, sort: str) -> tuple[int, int]:
        """Return between which numbers (both exclusive) the comments at or after a time are; `desc`: at or before."""
        later_ms = at_ms if sort == "asc" else at_ms + 1
        [row] = await self._read("comment_at", shard, video, later_ms)
        first_later = row[0] if row[0] is not None else MAX_NUMBER + 1
        return (first_later - 1, MAX_NUMBER + 1) if sort == "asc" else (0, first_later)

    async def _read(self, query: str, *values: Any) -> list[asyncpg.Record]:
        if self._reading >= MAX_READS:
            raise ArchiveAwayError("too many readers at once")
        self._reading += 1
        began = time.perf_counter()
        try:
            try:
                rows = await self._ask(query, values)
            except _PLAN_IS_STALE:
                rows = await self._ask(query, values)
        except (*postgres.AWAY, asyncpg.PostgresError) as error:
            self._now_away(error)
            raise ArchiveAwayError(type(error).__name__) from error
        finally:
            self._reading -= 1
        READ_SECONDS.labels(query).observe(time.perf_counter() - began)
        self._now_here()
        return rows

    async def _ask(self, query: str, values: Sequence[Any]) -> list[asyncpg.Record]:
        if self._pool is None:
            raise ArchiveAwayError("not opened yet")
        connection = await self._pool.acquire(timeout=WAIT_S)
        try:
            return await connection.fetch(_QUERIES[query], *values, timeout=STATEMENT_S)
        finally:
            await self._pool.release(connection, timeout=GIVE_BACK_S)

    def _now_away(self, error: Exception) -> None:
        if not self._away:
            _log.warning("Postgres is away", error=f"{type(error).__name__}: {error}")
        self._away = True
        ARCHIVE_AWAY.set(1)

    def _now_here(self) -> None:
        if self._away:
            _log.info("Postgres is back")
        self._away = False
        ARCHIVE_AWAY.set(0)
