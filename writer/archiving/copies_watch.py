"""How many whole copies each stream has: one fewer changes nothing that anybody feels, until a second one goes."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from nats.aio.client import Client

from runtime import jetstream
from runtime.cancelling import end_if_cancelled
from runtime.jetstream import StoreAwayError
from runtime.logs import get_logger
from wire import subjects
from writer.archiving.archiver_metrics import COPIES_CURRENT, COPIES_WANTED

WATCH_INTERVAL_S: Final = 10.0
AT_ONCE: Final = 16  # questions on their way: one about a stream that nobody leads waits for its whole timeout
FURTHER: Final = (subjects.SET_ASIDE_STREAM, subjects.VIDEO_STATES_STREAM, subjects.REVOCATIONS_STREAM)
LOG_AFTER_S: Final = 60.0  # a busy server is behind for moments, a planned restart takes seconds
LOG_INTERVAL_S: Final = 60.0

_log = get_logger("archiver")


@dataclass(frozen=True, slots=True)
class Copies:
    """A stream's copies. `current` have everything; `behind` are the servers whose copies have not, or are gone."""

    wanted: int
    current: int
    behind: tuple[str, ...]


def copies_of(info: dict[str, Any]) -> Copies:
    """Return what an answer to `STREAM.INFO` says; only a stream's leader knows how far the other copies are."""
    wanted = int(info["config"]["num_replicas"])
    cluster = info.get("cluster")
    if cluster is None:  # one server, which answers
        return Copies(wanted, 1, ())
    if not cluster.get("leader"):
        return Copies(wanted, 0, ())
    others = cluster.get("replicas") or ()
    behind = tuple(one["name"] for one in others if one.get("offline") or not one.get("current"))
    return Copies(wanted, 1 + len(others) - len(behind), behind)


class CopiesWatch:
    """Looks now and then. Every archiver does: one of them may be cut off from what another one sees."""

    def __init__(self, connection: Client, shards: int) -> None:
        self._connection = connection
        self._streams = (*(subjects.stream_name(shard) for shard in range(shards)), *FURTHER)
        self._known: set[str] = set()  # streams that were seen once
        self._behind_since: dict[str, float] = {}  # servers, since when (monotonic, seconds)
        self._said_at: dict[str, float] = {}

    async def run(self) -> None:
        """Watch, until cancelled."""
        while True:
            end_if_cancelled()
            await self.look()
            await asyncio.sleep(WATCH_INTERVAL_S)

    async def look(self) -> None:
        """Ask about every stream once."""
        behind: Counter[str] = Counter()
        for at in range(0, len(self._streams), AT_ONCE):
            some = self._streams[at : at + AT_ONCE]
            for servers in await asyncio.gather(*(self._look_at(stream) for stream in some)):
                behind.update(servers)
        self._say(behind, time.monotonic())

    async def _look_at(self, stream: str) -> tuple[str, ...]:
        """Return the servers whose copy of a stream is not whole."""
        try:
            answer = await jetstream.api(self._connection, f"STREAM.INFO.{stream}")
        except StoreAwayError:
            answer = {"error": {}}
        if "error" in answer:
            if stream in self._known:  # nobody leads it: nobody says of any copy that it is whole
                COPIES_CURRENT.labels(stream).set(0)
            return ()
        copies = copies_of(answer)
        self._known.add(stream)
        COPIES_WANTED.labels(stream).set(copies.wanted)
        COPIES_CURRENT.labels(stream).set(copies.current)
        return copies.behind

    def _say(self, behind: Counter[str], now: float) -> None:
        for server in self._behind_since.keys() - behind.keys():
            del self._behind_since[server]
            if self._said_at.pop(server, None) is not None:
                _log.info("a NATS server has every stream again", server=server)
        for server, streams in behind.items():
            since = self._behind_since.setdefault(server, now)
            if now - since >= LOG_AFTER_S and now - self._said_at.get(server, -LOG_INTERVAL_S) >= LOG_INTERVAL_S:
                self._said_at[server] = now
                _log.warning("a NATS server lacks part of streams, or is away", server=server, streams=streams)
