"""What the tests of the whole system share: a web session, videos of their own, and a way into the running parts."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest

import nats
from bench.own_cluster import OwnCluster
from runtime import jetstream
from wire.sse import Event, EventParser
from wire.video import shard_of

DEADLINE_S = 20
SHARDS = 4

_numbers = itertools.count(1)


@pytest.fixture
def video() -> str:
    """A video that no other test uses."""
    return f"e2e-{os.getpid()}-{next(_numbers)}"


@pytest.fixture
async def web() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None, sock_read=30)) as session:
        yield session


class Person:
    """Somebody with a token, who posts, watches and reads through the gateway."""

    def __init__(self, cluster: OwnCluster, web: aiohttp.ClientSession, name: str) -> None:
        self.cluster = cluster
        self.web = web
        self.headers = {"Authorization": f"Bearer {cluster.token(name)}"}

    async def post(self, video: str, message: str, **headers: str) -> str:
        """Post a comment and return its id."""
        async with self.web.post(
            f"{self.cluster.url}/comments/{video}", json={"message": message}, headers={**self.headers, **headers}
        ) as answer:
            assert answer.status in (201, 202), await answer.text()
            return (await answer.json())["commentId"]

    async def watch(
        self,
        video: str,
        until: Callable[[list[Event]], bool],
        position: str | None = None,
        deadline_s: float = DEADLINE_S,
    ) -> list[Event]:
        """Open a stream, and return its events as soon as they are enough."""
        headers = dict(self.headers) if position is None else {**self.headers, "Last-Event-ID": position}
        events: list[Event] = []
        async with asyncio.timeout(deadline_s):
            async with self.web.get(f"{self.cluster.url}/comments/{video}/stream", headers=headers) as stream:
                assert stream.status == 200, await stream.text()
                parser = EventParser()
                while not until(events):
                    piece = await stream.content.readany()
                    assert piece, f"the stream ended after {events}"
                    events.extend(parser.feed(piece))
        return events

    async def history(self, video: str, sort: str = "asc", limit: int = 100, *, at_least: int = 0) -> list[dict]:
        """Return the whole history of a video, page by page, as soon as it has so many: a 202 says "soon"."""
        give_up = time.monotonic() + DEADLINE_S
        while True:
            items = await self._history(video, sort, limit)
            if len(items) >= at_least or time.monotonic() > give_up:
                return items
            await asyncio.sleep(0.05)

    async def _history(self, video: str, sort: str, limit: int) -> list[dict]:
        items: list[dict] = []
        query = {"sort": sort, "limit": str(limit)}
        while True:
            async with self.web.get(
                f"{self.cluster.url}/comments/{video}", params=query, headers=self.headers
            ) as answer:
                assert answer.status == 200, await answer.text()
                page = await answer.json()
            items.extend(page["comments"])
            if page["nextCursor"] is None:
                return items
            assert page["nextCursor"] != query.get("cursor"), "the pages go round in circles"
            query["cursor"] = page["nextCursor"]


@pytest.fixture
def person(cluster: OwnCluster, web: aiohttp.ClientSession) -> Person:
    return Person(cluster, web, "a person")


def synced(events: list[Event]) -> bool:
    """Whether the replay is over."""
    return any(event.name == "sync" for event in events)


def ids(events: list[Event]) -> list[str]:
    """The ids of the comments among events, in order."""
    return [event.json()["commentId"] for event in events if event.name == "message"]


async def restart_edges(cluster: OwnCluster, web: aiohttp.ClientSession) -> None:
    """Kill every edge, and wait until others are in their place and the gateway has noticed."""
    before = {edge["pid"] for edge in cluster.describe()["edges"]}
    for pid in before:
        os.kill(pid, 9)
    await until_others_serve(cluster, web, before)


async def until_others_serve(cluster: OwnCluster, web: aiohttp.ClientSession, before: set[int]) -> None:
    """Wait until there are other edges than those of before, and the gateway has noticed."""
    stream = f"{cluster.url}/comments/any/stream"
    give_up = time.monotonic() + DEADLINE_S
    while time.monotonic() < give_up:
        edges = cluster.describe()["edges"]
        new = not before & {edge["pid"] for edge in edges}
        # Without a token an edge refuses; the gateway itself would tell a viewer to come back.
        ready = {edge["url"] + "/readyz": 200 for edge in edges} | {stream: 401}
        if new and await _answer(ready, web):
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the edges did not come back")


async def _answer(statuses: dict[str, int], web: aiohttp.ClientSession) -> bool:
    """Whether each address answers with its status."""
    try:
        for url, status in statuses.items():
            async with web.get(url) as answer:
                if answer.status != status:
                    return False
    except aiohttp.ClientError:
        return False
    return True


async def purge(cluster: OwnCluster, video: str) -> None:
    """Drop everything that the stream of a video's shard holds, as trimming does after an hour."""
    connection = await nats.connect(cluster.describe()["nats"][0]["url"])
    answer = await jetstream.api(connection, f"STREAM.PURGE.comments-{shard_of(video, SHARDS)}", {})
    assert answer["success"], answer
    await connection.close()
