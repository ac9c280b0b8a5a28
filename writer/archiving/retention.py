"""Drops old comments, a whole block at a time, where the operator wants that: `LIVECOMMENTS_RETENTION_S`.

A block goes once every row of it is older than that, and never the newest block of a shard; so a comment lives for at
least as long, and until its block is full. The archiver's role has no right to delete anything: a function of the
database does it, and does it for nothing younger than an hour.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final

import asyncpg

from runtime import postgres
from runtime.cancelling import end_if_cancelled
from runtime.logs import get_logger
from runtime.queries import load_queries
from runtime.settings import Settings
from writer.archiving.archiver import ShardArchiver
from writer.archiving.archiver_metrics import BLOCKS_DROPPED

LOOK_EVERY_S: Final = 60.0
LOOK_THROUGH_S: Final = 120.0  # how long it may take to look through one block

_QUERIES: Final = load_queries("writer.archiving", "archive.sql")

_log = get_logger("archiver")


class Retention:
    """Looks after the shards that it is this archiver's turn to archive, on a session of its own."""

    def __init__(self, settings: Settings, archivers: Sequence[ShardArchiver]) -> None:
        self._settings = settings
        self._archivers = archivers

    async def run(self) -> None:
        """Drop what is too old, now and then, until cancelled."""
        while True:
            end_if_cancelled()
            try:
                await self._look()
            except (*postgres.AWAY, asyncpg.PostgresError) as error:
                _log.warning("cannot drop old blocks", error=f"{type(error).__name__}: {error}")
            await asyncio.sleep(LOOK_EVERY_S)

    async def _look(self) -> None:
        session = await postgres.connect(self._settings, "retention", command_timeout_s=LOOK_THROUGH_S)
        try:
            for archiver in self._archivers:
                while archiver.held and await self._drop_one(session, archiver.shard):
                    end_if_cancelled()
        finally:
            await postgres.close(session)

    async def _drop_one(self, session: asyncpg.Connection, shard: int) -> bool:
        """Return whether a block was dropped; then the next one may be old enough as well."""
        before_ms = int((time.time() - self._settings.retention_s) * 1000)
        try:
            number = await session.fetchval(_QUERIES["drop_old_block"], shard, before_ms)
        except asyncpg.LockNotAvailableError:
            return False  # somebody reads for long: next time
        if number is None:
            return False
        BLOCKS_DROPPED.labels(shard).inc()
        _log.info("a block was dropped: all of it is too old", shard=shard, first=number)
        return True
