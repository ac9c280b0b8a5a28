"""Edges as processes, started as in production, on each server that they run on; and what tests say to them.

| fixture | lives for | what |
|---|---|---|
| `start_edge` | a module | `start_edge(server="handover", **settings)`: starts an edge process |
| `edge` | a module | one edge, shared by a module's tests, once for each server of `SERVERS` |
| `nats_proxy` | a module | a proxy before the module's nats-server, which loses messages and cuts connections |
| `store` | a test | stores comments as a writer does: `.post(video, text)`, `.post_many(video, count)` |
| `video` | a test | the id of a video that no other test uses |
| `viewers` | a test | `await viewers.watch(edge, video, …)`: a `Stream`, closed with the test |
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import pytest
from nats.aio.client import Client

from runtime.jetstream import BATCH_MAX, Outgoing, Publisher, StoreAwayError
from runtime.settings import Settings
from runtime.tokens import Tokens
from tests.edge.edge_process import SERVERS, EdgeProcess
from tests.edge.stream import Stream
from tests.proxy import NatsProxy
from tests.servers import NatsServer, starting
from wire import subjects
from wire.comment import encode_payload
from wire.headers import message_id
from wire.video import shard_of

USER = "viewer-1"


@pytest.fixture(scope="module")
def start_edge(
    settings: Settings, streams: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., EdgeProcess]]:
    given = {name: getattr(settings, name) for name in ("shards", "nats_url", "token_secret_file")}
    # Tests come from one address and as few users.
    given |= {"streams_per_address": 0, "streams_per_user": 0, "readable_rate": 0}

    def make(server: str = "handover", *, until_it_answers: bool = True, **changed: Any) -> EdgeProcess:
        return EdgeProcess(tmp_path_factory.mktemp("edge"), server, {**given, **changed}, until_it_answers)

    with starting(make) as start:
        yield start


@pytest.fixture(scope="module", params=SERVERS)
def edge(request: pytest.FixtureRequest, start_edge: Callable[..., EdgeProcess]) -> EdgeProcess:
    return start_edge(request.param)


@pytest.fixture(scope="module")
def nats_proxy(nats_server: NatsServer) -> Iterator[NatsProxy]:
    with NatsProxy(nats_server.port) as proxy:
        yield proxy


@pytest.fixture
def token(tokens: Tokens) -> str:
    return tokens.issue(USER, 3600)


_videos = itertools.count(1)


@pytest.fixture
def video() -> str:
    return f"v{next(_videos)}"


class Store:
    """Stores comments as a writer does."""

    def __init__(self, connection: Client, shards: int) -> None:
        self._publisher = Publisher(connection)
        self._shards = shards

    async def post(self, video: str, text: str = "hello", user: str = "ann", role: str | None = None) -> int:
        """Store a comment, and return its number."""
        return (await self._publisher.one(self._outgoing(video, text, user, role))).number

    async def post_many(self, video: str, count: int, text: str = "hello", user: str = "ann") -> list[int]:
        """Store comments in batches, and return their numbers."""
        numbers: list[int] = []
        while len(numbers) < count:
            size = min(BATCH_MAX, count - len(numbers))
            batch = [self._outgoing(video, f"{text} {len(numbers) + place}", user) for place in range(size)]
            numbers += (
                [ack.number for ack in await self._publisher.batch(batch)]
                if size > 1
                else [(await self._publisher.one(batch[0])).number]
            )
        return numbers

    async def post_when_back(self, video: str, text: str = "hello") -> int:
        """Store a comment as soon as JetStream takes one."""
        outgoing = self._outgoing(video, text, "ann")
        async with asyncio.timeout(20):
            while True:
                try:
                    return (await self._publisher.one(outgoing)).number
                except StoreAwayError:
                    await asyncio.sleep(0.1)

    def shard(self, video: str) -> int:
        return shard_of(video, self._shards)

    def beside(self, video: str) -> str:
        """Return another video of the same shard."""
        others = (f"{video}-other-{number}" for number in itertools.count())
        return next(other for other in others if self.shard(other) == self.shard(video))

    def _outgoing(self, video: str, text: str, user: str, role: str | None = None) -> Outgoing:
        payload = encode_payload(user, text, role=role)
        return Outgoing(subjects.comments(self.shard(video), video), payload, message_id(video, user, None))


@pytest.fixture
def store(connection: Client, settings: Settings, streams: None) -> Store:
    return Store(connection, settings.shards)


class Viewers:
    """Opens streams, and closes them with the test."""

    def __init__(self, session: aiohttp.ClientSession, token: str, stack: AsyncExitStack) -> None:
        self.session = session
        self._token = token
        self._stack = stack

    async def watch(
        self, edge: EdgeProcess, video: str, position: int | str | None = None, *, synced: bool = True, **options: Any
    ) -> Stream:
        """Open a stream, from a position if one is given, and wait until it is live."""
        stream = Stream(self.session, edge.url, video, position, **{"token": self._token, **options})
        await self._stack.enter_async_context(stream)
        if synced:
            await stream.synced()
        return stream


@pytest.fixture
async def viewers(token: str) -> AsyncIterator[Viewers]:
    async with viewers_with(token) as opened:
        yield opened


@asynccontextmanager
async def viewers_with(token: str) -> AsyncIterator[Viewers]:
    """What opens streams with a token, for as long as the block lasts."""
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with (
        aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None)) as session,
        AsyncExitStack() as stack,
    ):
        yield Viewers(session, token, stack)
