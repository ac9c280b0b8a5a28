"""A connection to NATS comes back whatever becomes of the server: to another one, if need be."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import nats.errors
import pytest

from runtime import jetstream
from runtime.settings import Settings
from tests.servers import NatsServer

MUCH_BYTES = 16 * 1024 * 1024  # more than the kernel takes in
WITHIN_S = 30


@pytest.fixture
def servers(tmp_path) -> Iterator[list[NatsServer]]:
    made = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        made.append(NatsServer(tmp_path / name))
        made[-1].start()
    yield made
    for server in made:
        server.kill()


async def test_with_much_to_send_a_silent_server_is_left_for_another_one(servers):
    connection = await jetstream.connect(Settings(nats_url=",".join(server.url for server in servers)), "test")
    silent, other = servers if connection.connected_url.port == servers[0].port else reversed(servers)
    silent.pause()
    sending = asyncio.create_task(send(connection, MUCH_BYTES))
    async with asyncio.timeout(WITHIN_S):
        while not (connection.is_connected and connection.connected_url.port == other.port):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    sending.cancel()
    silent.resume()
    await jetstream.close(connection)


async def test_who_waits_for_an_answer_hears_at_once_that_the_connection_is_lost(servers):
    connection = await jetstream.connect(Settings(nats_url=servers[0].url), "test")
    silent = await connection.subscribe("nobody.answers")
    asking = asyncio.create_task(connection.request("nobody.answers", b"", timeout=600))
    await silent.next_msg(WITHIN_S)
    servers[0].kill()
    async with asyncio.timeout(WITHIN_S):
        with pytest.raises(nats.errors.StaleConnectionError):
            await asking
    await jetstream.close(connection)


async def send(connection, size: int) -> None:
    piece = b"x" * 900_000
    for _ in range(size // len(piece)):
        with contextlib.suppress(nats.errors.Error):  # what does not fit is not the matter here
            await connection.publish("somewhere", piece)
