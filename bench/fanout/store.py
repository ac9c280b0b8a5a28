"""A scratch nats-server with one shard's stream, and the publisher into it: the way in for everything fed by NATS."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import sys
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

from nats.aio.client import Client

from bench.fanout.child import end, free_port, listening, spawn
from runtime import jetstream
from runtime.jetstream import Outgoing, Publisher
from runtime.settings import Settings
from runtime.streams import make_moderation_streams, make_shard_stream
from wire import subjects
from wire.comment import encode_payload

SHARD: Final = 0
USER: Final = "user-12345"


class Store:
    """Comments of any video, stored by JetStream and republished by it."""

    def __init__(self, url: str, connection: Client, process: Process) -> None:
        self.url = url
        self.pid = process.pid
        self.connection = connection
        self._publisher = Publisher(connection)

    async def publish(self, video: str, text: str) -> int:
        """Store a comment, and return its number."""
        payload = encode_payload(USER, text)
        message = Outgoing(subjects.comments(SHARD, video), payload, secrets.token_hex(8))
        return (await self._publisher.one(message)).number

    async def publish_batch(self, video: str, texts: list[str], users: Sequence[str] = ()) -> list[int]:
        """Store comments at once, and return their numbers."""
        subject = subjects.comments(SHARD, video)
        messages = [
            Outgoing(subject, encode_payload(user, text), secrets.token_hex(8))
            for text, user in zip(texts, users or [USER] * len(texts), strict=True)
        ]
        return [ack.number for ack in await self._publisher.batch(messages)]


@contextlib.asynccontextmanager
async def running_store(folder: Path, core: int) -> AsyncIterator[Store]:
    """Run a store for as long as the block lasts.

    It does not sync every write as production does: the disk would only blur what is measured here.
    """
    port = free_port()
    config = folder / "nats.conf"
    config.write_text(f'listen: "127.0.0.1:{port}"\njetstream {{ store_dir: "{folder / "jetstream"}" }}\n', "utf-8")
    log = folder / "nats.log"
    process = await spawn(str(Path(sys.executable).parent / "nats-server"), "-c", str(config), core=core, log=log)
    try:
        await listening(port, process, log)
        url = f"nats://127.0.0.1:{port}"
        settings = Settings(nats_url=url, shards=1)
        connection = await jetstream.connect(settings, "bench")
        try:
            async with asyncio.timeout(jetstream.START_WAIT_S):
                await make_shard_stream(connection, settings, SHARD, time.time_ns() // 1000)
                await make_moderation_streams(connection, settings)
            yield Store(url, connection, process)
        finally:
            await jetstream.close(connection)
    finally:
        await end(process)
