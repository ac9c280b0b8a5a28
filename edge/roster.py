"""Which edges viewers can connect to directly, and how many viewers each has.

Every `SAY_EVERY_S` an edge with a public address says where it is and how many viewers it has. One that stops says so
at once, and is named to nobody any more.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import nats.errors
import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg

from runtime.settings import Settings
from wire import subjects
from wire.placement import EdgeLoad, owner

SAY_EVERY_S: Final = 2.0
FORGET_S: Final = 7.0  # an edge that has been silent for this long is gone
MAX_EDGES: Final = 10_000
MAX_URL_BYTES: Final = 300


@dataclass(slots=True)
class _Heard:
    """What an edge said last, when, and how many viewers were sent to it since."""

    viewers: int
    capacity: int
    at: float
    sent: int = 0


class Roster:
    """Knows the edges, and says which one a viewer goes to."""

    def __init__(self, settings: Settings, connection: Client, count_viewers: Callable[[], int]) -> None:
        self._url = settings.direct_url
        self._capacity = settings.streams_per_edge
        self._connection = connection
        self._count_viewers = count_viewers
        self._loop = asyncio.get_running_loop()
        self._heard: dict[str, _Heard] = {}  # by address: an edge that was started again is the same one
        self._leaving = False

    def owner(self, video: str, avoid: str | None = None) -> str | None:
        """Return the address of the edge that a viewer of a video goes to, but for `avoid`, which it cannot reach.

        None where there is no such edge, or none has room.
        """
        due = self._loop.time() - FORGET_S
        edges = [
            EdgeLoad(url, heard.viewers + heard.sent, heard.capacity)
            for url, heard in self._heard.items()
            if heard.at >= due and url != avoid
        ]
        url = owner(video, edges)
        if url is not None:
            self._heard[url].sent += 1
        return url

    async def start(self) -> None:
        """Listen to the edges; once, and before `run`."""
        await self._connection.subscribe(subjects.EDGES, cb=self._hear)

    async def run(self) -> None:
        """Say how this one is, for ever."""
        while True:
            with contextlib.suppress(nats.errors.Error, OSError):
                await self._say()
            due = self._loop.time() - FORGET_S
            for url in [url for url, heard in self._heard.items() if heard.at < due]:
                del self._heard[url]
            await asyncio.sleep(SAY_EVERY_S)

    async def leave(self) -> None:
        """Say that this edge stops."""
        self._leaving = True
        with contextlib.suppress(nats.errors.Error, OSError):
            await self._say()

    async def _say(self) -> None:
        if self._url is None:
            return
        said = {
            "url": self._url,
            "viewers": self._count_viewers(),
            "capacity": self._capacity,
            "leaving": self._leaving,
        }
        await self._connection.publish(subjects.EDGES, orjson.dumps(said))

    async def _hear(self, message: Msg) -> None:
        try:
            said = orjson.loads(message.data)
            url, viewers, capacity, leaving = said["url"], said["viewers"], said["capacity"], said["leaving"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return
        if leaving:
            self._heard.pop(url, None)
        elif len(url) <= MAX_URL_BYTES and (url in self._heard or len(self._heard) < MAX_EDGES):
            self._heard[url] = _Heard(viewers, capacity, self._loop.time())
