"""Takes off a shard's stream what is in Postgres and old enough.

A stream has no limit in age: what is not in Postgres must never go. And it keeps `LIVECOMMENTS_KEEP_S` of what is, so
that a Postgres that falls back by less than that (a restore, a failover to a lagging replica) is caught up from it; and
at least as much as there are keys that may still be repeated.
"""

from __future__ import annotations

import time
from typing import Final

from nats.aio.client import Client

from runtime import jetstream
from runtime.jetstream import Reader, StoreError, StreamState
from runtime.logs import get_logger
from runtime.settings import Settings
from wire import subjects
from writer.archiving.archiver_metrics import TRIMMED

TRIM_INTERVAL_S: Final = 10
# A stream that is filled beyond this gives up archived messages before their time, and is trimmed to half of what it
# may hold: a shorter way for Postgres to fall back is better than refusing to store what people say.
FULL_SHARE: Final = 0.75
HALF_SHARE: Final = 0.5

_log = get_logger("archiver")


class Trimmer:
    """Trims one shard's stream now and then. Only the one who holds the shard's lock may use it."""

    def __init__(self, connection: Client, reader: Reader, settings: Settings, shard: int) -> None:
        self._connection = connection
        self._reader = reader
        # nats-server, started again, knows those keys whose messages it holds: none goes before its key is over.
        self._keep_s = max(settings.keep_s, settings.key_life_s)
        self._stream_bytes = settings.stream_bytes
        self._shard = shard
        self._next = 0.0

    @property
    def due(self) -> bool:
        """Whether it is time to trim again."""
        return time.monotonic() >= self._next

    async def trim(self, through: int) -> int:
        """Take off what may go. `through` was read from Postgres just now. Returns the number that now comes first.

        Raises `StoreError`.
        """
        self._next = time.monotonic() + TRIM_INTERVAL_S
        state = await self._reader.state(self._shard)
        keep_from = await self._old_enough(through)
        early = give_up_from(state, through, self._stream_bytes)
        if early is not None and early > keep_from:
            _log.warning(
                "the stream fills up: archived messages are taken off it before their time",
                shard=self._shard,
                bytes=state.held_bytes,
                keep_s=self._keep_s,
            )
            keep_from = early
        if keep_from <= state.first:
            return state.first
        if keep_from > min(through, state.last):
            # JetStream takes a purge above a stream's end as its next number. It must never come to that.
            raise StoreError(f"shard {self._shard}: will not trim to {keep_from}, beyond {through} or {state.last}")
        answer = await jetstream.api(
            self._connection, f"STREAM.PURGE.{subjects.stream_name(self._shard)}", {"seq": keep_from}
        )
        if "error" in answer:
            raise StoreError(f"shard {self._shard}: {answer['error'].get('description')}")
        TRIMMED.labels(self._shard).inc(answer.get("purged", 0))
        return keep_from

    async def _old_enough(self, through: int) -> int:
        """Return the first number to keep: the smaller of `through` and the oldest that is younger than KEEP_S.

        0 where that is not known: a replica that lags may not have seen the younger ones yet.
        """
        cutoff_s = time.time() - self._keep_s
        younger, _ = await self._reader.since(self._shard, "*", int(cutoff_s * 1000), 1)
        if younger:
            return min(through, younger[0].number)
        newest_archived, _ = await self._reader.after(self._shard, "*", through - 1, 1)
        if newest_archived and newest_archived[0].number == through and newest_archived[0].posted_ms < cutoff_s * 1000:
            return through
        return 0


def give_up_from(state: StreamState, through: int, stream_bytes: int) -> int | None:
    """Return the first number to keep of a stream that is too full, None when there is room. Pure.

    Messages are taken to be of one size, which is near enough: the next trim corrects it.
    """
    if state.held_bytes <= stream_bytes * FULL_SHARE:
        return None
    goes = 1 - stream_bytes * HALF_SHARE / state.held_bytes
    return min(through, state.first + int((state.last - state.first + 1) * goes))
