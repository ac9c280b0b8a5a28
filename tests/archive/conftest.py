"""A world for each test of the archiver: its own database, its own nats-server, and archivers to start and end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from nats.aio.client import Client
from prometheus_client import REGISTRY

from runtime import jetstream
from runtime.jetstream import Outgoing, Publisher, Reader
from runtime.settings import Settings
from runtime.streams import provision
from tests.servers import Database, NatsPeer, NatsServer, PostgresServer
from wire import subjects
from wire.comment import encode_payload
from wire.headers import message_id
from wire.video import shard_of
from writer.archiving.archiver_app import ArchiverService, make_service

SHARDS = 2
VIDEO = "demo"
SHARD = shard_of(VIDEO, SHARDS)
WITHIN_S = 30.0  # in which even a busy machine comes to it


class World:
    """What a test of the archiver acts on and looks at. Its video is `VIDEO`, its shard `SHARD`."""

    def __init__(
        self, settings: Settings, database: Database, nats: NatsServer, connection: Client, owner: asyncpg.Connection
    ) -> None:
        self.settings = settings
        self.database = database
        self.nats = nats
        self.connection = connection
        self.owner = owner
        self.reader = Reader(connection)
        self.publisher = Publisher(connection)
        self._started: list[ArchiverService] = []

    @property
    def postgres(self) -> PostgresServer:
        return self.database.server

    async def start(self, **overrides: Any) -> ArchiverService:
        service = make_service(self.settings.model_copy(update=overrides))
        assert isinstance(service, ArchiverService)
        await service.start()
        self._started.append(service)
        return service

    async def stop(self, service: ArchiverService) -> None:
        self._started.remove(service)
        await service.stop()

    async def end(self) -> None:
        for service in list(self._started):
            await self.stop(service)
        self.owner.terminate()
        await jetstream.close(self.connection)

    async def reconnect(self) -> None:
        """Postgres has been started again."""
        self.owner.terminate()
        self.owner = await asyncpg.connect(self.database.dsn)

    async def say(self, *texts: str, video: str = VIDEO, name: str | None = None, role: str | None = None) -> list[int]:
        return [await self.store(encode_payload("ann", text, name, role), video=video) for text in texts]

    async def store(self, payload: bytes, *, video: str = VIDEO, kind: str | None = None) -> int:
        """Store a message as a writer does, and wake the archiver."""
        shard = shard_of(video, SHARDS)
        outgoing = Outgoing(subjects.comments(shard, video), payload, message_id(video, "ann", None), kind)
        number = (await self.publisher.one(outgoing)).number
        await self.connection.publish(subjects.stored(shard), b"%d" % number)
        return number

    async def position(self, shard: int = SHARD) -> int:
        return await self.owner.fetchval("SELECT through FROM archive_position WHERE shard = $1", shard)

    async def move_position(self, by: int) -> int:
        return await self.owner.fetchval(
            "UPDATE archive_position SET through = through + $2 WHERE shard = $1 RETURNING through", SHARD, by
        )

    async def rows(self, video: str = VIDEO) -> list[asyncpg.Record]:
        return await self.owner.fetch("SELECT * FROM comments WHERE video_id = $1 ORDER BY comment_id", video)

    async def numbers(self, video: str = VIDEO) -> list[int]:
        return [row["comment_id"] for row in await self.rows(video)]

    async def archived(self, numbers: list[int], within_s: float = WITHIN_S) -> None:
        """Wait until exactly these numbers of the video are in Postgres."""

        async def there() -> bool:
            return await self.numbers() == numbers

        await until(there, within_s)

    async def purge(self, seq: int) -> None:
        answer = await jetstream.api(self.connection, f"STREAM.PURGE.{subjects.stream_name(SHARD)}", {"seq": seq})
        assert answer.get("success"), answer

    async def delete(self, number: int) -> None:
        answer = await jetstream.api(
            self.connection, f"STREAM.MSG.DELETE.{subjects.stream_name(SHARD)}", {"seq": number}
        )
        assert answer.get("success"), answer


async def until(condition: Callable[[], Awaitable[bool]], within_s: float = WITHIN_S) -> None:
    """Wait until a condition holds; fail when it does not in time."""
    give_up = time.monotonic() + within_s
    while not await condition():
        assert time.monotonic() < give_up, "it did not come to that"
        await asyncio.sleep(0.01)


def metric(name: str, shard: int = SHARD) -> float:
    return REGISTRY.get_sample_value(name, {"shard": str(shard)}) or 0


async def until_metric(name: str, value: float, within_s: float = WITHIN_S) -> None:
    async def there() -> bool:
        return metric(name) == value

    await until(there, within_s)


@pytest.fixture
async def world(
    tmp_path: Path, fresh_database: Callable[[], Database], token_secret_file: Path
) -> AsyncIterator[World]:
    nats = NatsServer(tmp_path)
    nats.start()
    made = await make_world(fresh_database(), nats, nats_url=nats.url, token_secret_file=token_secret_file)
    yield made
    await made.end()
    nats.kill()


@pytest.fixture
async def peers(tmp_path: Path) -> AsyncIterator[list[NatsPeer]]:
    """Three nats-servers that keep copies of each other's streams."""
    made: list[NatsPeer] = []
    for number in range(3):
        NatsPeer(tmp_path / f"nats-{number}", made)
    await asyncio.gather(*(asyncio.to_thread(peer.start) for peer in made))
    yield made
    for peer in made:
        peer.kill()


@pytest.fixture
async def replicated(
    peers: list[NatsPeer], fresh_database: Callable[[], Database], token_secret_file: Path
) -> AsyncIterator[World]:
    """A world whose streams have three copies."""
    urls, database = ",".join(peer.url for peer in peers), fresh_database()
    async with asyncio.timeout(WITHIN_S):
        while True:
            try:
                made = await make_world(
                    database, peers[0], nats_url=urls, token_secret_file=token_secret_file, replicas=3
                )
                break
            except jetstream.StoreError:  # they have not agreed on a leader yet
                await asyncio.sleep(0.1)
    yield made
    await made.end()


async def a_follower(world: World, peers: list[NatsPeer]) -> NatsPeer:
    """Return a server that has a copy of the shard's stream, and neither leads it nor is the one that we speak with."""
    leads = ""

    async def known() -> bool:
        nonlocal leads
        answer = await jetstream.api(world.connection, f"STREAM.INFO.{subjects.stream_name(SHARD)}")
        leads = answer.get("cluster", {}).get("leader", "")
        return bool(leads)

    await until(known)
    at = world.connection.connected_url
    assert at is not None
    return next(peer for peer in peers if peer.folder.name != leads and peer.port != at.port)


async def make_world(database: Database, nats: NatsServer, **settings: Any) -> World:
    """Return a world around a nats-server that runs, its streams provisioned."""
    read = Settings(shards=SHARDS, key_life_s=1, **settings, **database.settings("archiver"))
    connection = await jetstream.connect(read, "test")
    owner = await asyncpg.connect(database.dsn)
    try:
        await provision(connection, owner, read, lambda _: None)
    except BaseException:
        owner.terminate()
        await jetstream.close(connection)
        raise
    made = World(read, database, nats, connection, owner)
    await made.reader.start()
    return made
