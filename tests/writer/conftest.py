"""A writer's parts against a real NATS, and a whole writer behind HTTP. The test itself plays the archiver."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from nats.aio.client import Client

from runtime import jetstream
from runtime.jetstream import Outgoing, Publisher, Reader, Stored
from runtime.marks import Marks
from runtime.settings import Settings
from tests.in_process import serving
from wire import subjects
from wire.comment import encode_payload
from wire.headers import message_id
from wire.mark import Claim
from wire.video import shard_of
from writer.app import Writer, make_service
from writer.archive_watch import ArchiveWatch
from writer.batcher import Batcher
from writer.entry import Outcome
from writer.known_keys import KnownKeys

PAGE = 1_000


class Harness:
    """One shard's batcher and what it needs, as the writer wires it up."""

    def __init__(self, connection: Client, settings: Settings, shard: int = 0, **options: Any) -> None:
        self.shard = shard
        self.connection = connection
        self.watch = ArchiveWatch(settings.shards, settings.archive_wait_ms / 1000)
        self.marks = Marks(connection, settings.shards, lambda at, claim: at == shard and self.heard(claim))
        self.publisher = Publisher(connection)
        self.batcher = Batcher(
            shard,
            connection,
            self.publisher,
            self.watch,
            self.marks,
            KnownKeys(settings.key_life_s),
            settings.hold_s,
            **options,
        )
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self.watch.start(self.connection)
        await self.marks.start()
        # Nobody else is there who could know better than a new stream, so nobody is asked: that takes a while.
        self.batcher.continuity._checked_on = 0
        self._task = asyncio.create_task(self.batcher.run())

    async def check(self) -> None:
        """Have the stream compared with what is known, as the writer does at its start."""
        self.batcher.continuity._checked_on = None
        assert await self.batcher.continuity.check()

    def heard(self, claim: Claim) -> None:
        self.batcher.continuity.heard(claim)

    async def stop(self) -> None:
        await self.batcher.continuity.end()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def post(self, text: str, *, key: str | None = None, video: str = "video", user: str = "user"):
        """Post as the way of a POST does: a known id is not taken again."""
        outgoing = self.outgoing(text, key=key, video=video, user=user)
        known = self.batcher.known(outgoing.message_id) if key is not None else None
        if known is not None:
            return known
        self.batcher.check_open()
        return self.batcher.take(outgoing, keyed=key is not None)

    def outgoing(self, text: str, *, key: str | None = None, video: str = "video", user: str = "user") -> Outgoing:
        return Outgoing(subjects.comments(self.shard, video), encode_payload(user, text), message_id(video, user, key))


StartBatcher = Callable[..., Any]


@pytest.fixture
async def start_batcher(settings: Settings, streams: None) -> AsyncIterator[StartBatcher]:
    """`await start_batcher(shard=0, **changed_settings)`: a batcher with a connection of its own."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(shard: int = 0, *, running: bool = True, acknowledged: Any = None, **changes: Any) -> Harness:
            options = {} if acknowledged is None else {"acknowledged": acknowledged}
            changed = settings.model_copy(update=changes)
            connection = await jetstream.connect(changed, "batcher")
            stack.push_async_callback(jetstream.close, connection)
            harness = Harness(connection, changed, shard, **options)
            stack.push_async_callback(harness.stop)
            if running:
                await harness.start()
            return harness

        yield start


@pytest.fixture
async def reader(connection: Client) -> Reader:
    made = Reader(connection)
    await made.start()
    return made


@pytest.fixture
def videos(settings: Settings) -> Callable[..., str]:
    """`videos()`: a video that no other test uses; `videos(shard=1)`: one of that shard."""

    def one(shard: int | None = None) -> str:
        while True:
            video = f"v{next(_VIDEOS)}"
            if shard is None or shard_of(video, settings.shards) == shard:
                return video

    return one


_VIDEOS = itertools.count(1)


async def stored(reader: Reader, shard: int, video: str = "*") -> list[Stored]:
    """Everything that the shard's stream holds of a video, or of all."""
    found: list[Stored] = []
    while True:
        page, _ = await reader.after(shard, video, found[-1].number if found else 0, PAGE)
        found += page
        if len(page) < PAGE:
            return found


async def until(condition: Callable[[], bool], timeout_s: float = 20) -> None:
    """Wait for something that nobody announces."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110  there is no event to wait for
            await asyncio.sleep(0.002)


async def outcomes(futures: list[asyncio.Future[Outcome]]) -> list[Outcome]:
    return await asyncio.wait_for(asyncio.gather(*futures), 60)


@dataclass(frozen=True)
class Answer:
    """What a client got."""

    status: int
    headers: Any
    body: Any

    @property
    def number(self) -> int:
        assert self.status in (201, 202), self
        return int(self.body["commentId"])


class RunningWriter:
    """A whole writer behind HTTP, on a port of its own in this process."""

    def __init__(self, service: Writer, url: str, http: aiohttp.ClientSession, tokens: Any) -> None:
        self.service = service
        self.url = url
        self.http = http
        self._tokens = tokens

    async def post(
        self,
        video: str,
        message: Any = "hello",
        *,
        user: str = "user",
        key: str | None = None,
        token: str | None = None,
        headers: dict[str, str] | None = None,
        data: Any = None,
        method: str = "POST",
        path: str | None = None,
    ) -> Answer:
        fields = {"Content-Type": "application/json"}
        fields["Authorization"] = f"Bearer {token or self._tokens.issue(user, 600)}"
        if key is not None:
            fields["Idempotency-Key"] = key
        fields |= headers or {}
        fields = {name: value for name, value in fields.items() if value != ""}
        body = {"data": data} if data is not None else {"json": {"message": message}}
        url = self.url + (path if path is not None else f"/comments/{video}")
        # aiohttp names a type of its own where none is given: that has to be switched off to send none.
        skip = [] if "Content-Type" in fields else ["Content-Type"]
        async with self.http.request(method, url, headers=fields, skip_auto_headers=skip, **body) as response:
            is_json = "json" in response.content_type
            return Answer(response.status, response.headers, await (response.json() if is_json else response.read()))


@pytest.fixture
async def start_writer(make_settings, streams: None, tokens) -> AsyncIterator[Callable[..., Any]]:
    """`await start_writer(**changed_settings)`: without rates unless they are among the changes."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(**changes: Any) -> RunningWriter:
            none = {"user_rate": 0, "user_total_rate": 0, "posts_per_address": 0, "archive_wait_ms": 0}
            service = make_service(make_settings(**{**none, **changes}))
            await service.start()
            stack.push_async_callback(service.stop)
            port = await stack.enter_async_context(serving(service.app))
            http = await stack.enter_async_context(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
            return RunningWriter(service, f"http://127.0.0.1:{port}", http, tokens)

        yield start
