"""A hot video: writers as processes, a crowd that posts through them, and what everybody is to see of it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import urllib.request
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

import aiohttp
from nats.aio.client import Client

from runtime.jetstream import Reader
from tests.servers import Part
from wire.comment import decode_payload
from wire.sample import HOT
from wire.sampling import Sampler

READABLE_RATE = 3
PER_S = READABLE_RATE * HOT * 2  # comments a second: twice what makes a video hot
OWN_EVERY = 10  # each so many-th comment is by one of those whom somebody watches for


def published(writer: Part) -> float:
    """How many bundles a writer has published."""
    name = "livecomments_sample_bundles_total "
    with urllib.request.urlopen(f"{writer.url}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return next(float(line.removeprefix(name)) for line in lines if line.startswith(name))


class Crowd:
    """Posts in a video, through the writers that are alive in turn, until it is left: as users, and as some by name."""

    def __init__(self, writers: list[Part], video: str, issue: Callable[[str], str], named: Iterable[str]) -> None:
        self.writers = writers
        self._video = video
        self._issue = issue
        self._named = itertools.cycle(named)
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession()
        self._running = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._running.cancel()
        await asyncio.wait({self._running, *self._tasks})
        await self._session.close()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for count in itertools.count():
            user = next(self._named) if count % OWN_EVERY == 0 else f"crowd-{count % 50}"
            task = asyncio.create_task(self._post(self.writers[count % len(self.writers)], user, count))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            await asyncio.sleep(max(0, began + count / PER_S - loop.time()))

    async def _post(self, writer: Part, user: str, count: int) -> None:
        fields = {"Authorization": f"Bearer {self._issue(user)}"}
        url = f"{writer.url}/comments/{self._video}"
        with contextlib.suppress(aiohttp.ClientError, OSError):  # a writer that was killed
            async with self._session.post(url, json={"message": f"comment {count}"}, headers=fields) as answer:
                assert answer.status in (201, 202, 503)


class Truth:
    """What the stream of a video's shard holds of it, and what anybody is to be shown of that."""

    def __init__(self, messages: list[Any]) -> None:
        sampler = Sampler(READABLE_RATE)
        self.numbers = [one.number for one in messages]
        self._sample: set[int] = set()
        self._by: dict[str, set[int]] = {}
        for one in messages:
            if sampler.shows(one.number, one.posted_ms):
                self._sample.add(one.number)
            author = decode_payload(one.number, one.posted_ms, one.payload).user_id
            self._by.setdefault(author, set()).add(one.number)

    @classmethod
    async def read(cls, connection: Client, shard: int, video: str) -> Truth:
        reader = Reader(connection)
        await reader.start()
        messages: list[Any] = []
        pending = 1
        while pending:
            batch, pending = await reader.after(shard, video, messages[-1].number if messages else 0, 1_000)
            messages += batch
        return cls(messages)

    def shown(self, *authors: str, after: int = 0, upto: int | None = None) -> list[int]:
        """The sample, and all by some authors."""
        wanted = self._sample.union(*(self._by.get(author, ()) for author in authors))
        return sorted(number for number in wanted if after < number and (upto is None or number <= upto))
