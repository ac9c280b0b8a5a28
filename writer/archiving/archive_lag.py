"""How far the archive is behind, watched apart from the archiving itself: also while Postgres is away.

Where this archiver has not seen the position, because it was started while Postgres was away already, the last one
that another one announced is taken. Who has heard of none either says how much the stream holds, of which the older
part may be archived: too much rather than nothing, or an outage would look over as soon as an archiver is restarted.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Final

from runtime.cancelling import end_if_cancelled
from runtime.jetstream import Reader, StoreError
from runtime.logs import get_logger
from writer.archiving.archiver import ShardArchiver
from writer.archiving.archiver_metrics import LAG_NUMBERS, LAG_SECONDS

WATCH_INTERVAL_S: Final = 2.0
LAG_LIMIT_S: Final = 10.0  # beyond this it is logged
LOG_INTERVAL_S: Final = 60.0  # and again, as long as it lasts

_log = get_logger("archiver")


class LagWatch:
    """Watches the shards that are this archiver's, and all of them while Postgres is away."""

    def __init__(self, reader: Reader, archivers: Sequence[ShardArchiver], announced: Callable[[int], int]) -> None:
        """`announced` says how far a shard is in Postgres by what any archiver was heard to say, 0 for nothing."""
        self._reader = reader
        self._archivers = archivers
        self._announced = announced
        self._said_at: dict[int, float] = {}  # of the shards that lag

    async def run(self) -> None:
        """Watch, until cancelled."""
        while True:
            end_if_cancelled()
            for archiver in self._archivers:
                with contextlib.suppress(StoreError):  # NATS is away: then nothing new is stored either
                    await self._look_at(archiver)
            await asyncio.sleep(WATCH_INTERVAL_S)

    async def _look_at(self, archiver: ShardArchiver) -> None:
        shard, through = archiver.shard, archiver.through
        if through is None and archiver.is_postgres_away:
            through = self._announced(shard)
        if through is None:  # another archiver has the turn, and watches
            LAG_NUMBERS.labels(shard).set(0)
            LAG_SECONDS.labels(shard).set(0)
            self._said_at.pop(shard, None)
            return
        state = await self._reader.state(shard)
        numbers = max(0, state.last - (through or state.first - 1))
        lag_s = await self._age_s(shard, through) if numbers else 0.0
        LAG_NUMBERS.labels(shard).set(numbers)
        LAG_SECONDS.labels(shard).set(lag_s)
        self._say(shard, numbers, lag_s, known=bool(through))

    async def _age_s(self, shard: int, through: int) -> float:
        oldest, _ = await self._reader.after(shard, "*", through, 1)
        return max(0.0, time.time() - oldest[0].posted_ms / 1000) if oldest else 0.0

    def _say(self, shard: int, numbers: int, lag_s: float, *, known: bool) -> None:
        if lag_s <= LAG_LIMIT_S:
            if self._said_at.pop(shard, None) is not None:
                _log.info("the archive has caught up", shard=shard)
            return
        now = time.monotonic()
        if now - self._said_at.get(shard, -LOG_INTERVAL_S) >= LOG_INTERVAL_S:
            self._said_at[shard] = now
            text = "the archive lags behind" if known else "Postgres was never reached: the archive lags by up to this"
            _log.warning(text, shard=shard, numbers=numbers, seconds=round(lag_s, 1))
