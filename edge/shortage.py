"""Streams found short, as an edge finds it: what its viewers have was stored, so a stream must reach that far.

A number at or below the newest of its video that comes with another message, or a stream whose end lies below a number
that is here, has lost what it acknowledged. The edge says so; the archiver lifts the shard, and its viewers go on.
"""

from __future__ import annotations

import asyncio
from typing import Final

from nats.aio.client import Client

from edge.metrics import FOUND_SHORT
from runtime.jetstream import Reader
from runtime.logs import get_logger
from runtime.marks import Marks
from wire.mark import Claim

SAY_AGAIN_S: Final = 0.5

_log = get_logger("edge")


class Shortage:
    """What this edge knows of how far the shards go. It tells whoever asks."""

    def __init__(self, connection: Client, reader: Reader, shards: int) -> None:
        self._marks = Marks(connection, shards)
        self._reader = reader
        self._said_at = [-SAY_AGAIN_S] * shards
        self._loop = asyncio.get_running_loop()
        self._saying: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen for questions. What others know does not matter here: a viewer's screen does."""
        await self._marks.start(follow=False)

    async def look_into(self, shard: int, newest: int, newest_of_shard: int) -> None:
        """Compare the newest number here with the newest that the stream seems to hold. Raises `StoreError`."""
        self._marks.reach(shard, newest)
        # A replica may lag behind its leader, and an empty stream may be one that was trimmed or lifted.
        if newest_of_shard < newest and (await self._reader.state(shard)).last < newest:
            self.found(shard, newest, 0)

    def found(self, shard: int, known: int, again: int) -> None:
        """Say that a stream was found short, not too often. `again`: a number that it gave twice, 0 for none."""
        self._marks.reach(shard, known)
        now = self._loop.time()
        if now - self._said_at[shard] < SAY_AGAIN_S:
            return
        self._said_at[shard] = now
        FOUND_SHORT.inc()
        _log.error(
            "the stream was found short: its viewers have more than it holds", shard=shard, known=known, again=again
        )
        # Not `again`: what it was given to may have been acknowledged by a writer that did not know better.
        task = self._loop.create_task(self._marks.claim(shard, Claim(known, certain=again > 0)))
        self._saying.add(task)
        task.add_done_callback(self._saying.discard)
