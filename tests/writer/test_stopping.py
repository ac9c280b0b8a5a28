"""A writer process that is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import aiohttp
import pytest

from tests.servers import free_port
from tests.writer.conftest import stored
from wire.video import shard_of

RUN = (
    "from runtime.service import run; from runtime.settings import read_settings; from writer.app import make_service;"
    "run(make_service, read_settings())"
)


@pytest.fixture
async def process(settings, streams):
    port = free_port()
    environment = {
        **os.environ,
        "LIVECOMMENTS_LISTEN": f"127.0.0.1:{port}",
        "LIVECOMMENTS_NATS_URL": settings.nats_url,
        "LIVECOMMENTS_SHARDS": str(settings.shards),
        "LIVECOMMENTS_TOKEN_SECRET_FILE": str(settings.token_secret_file),
        "LIVECOMMENTS_USER_RATE": "0",
        "LIVECOMMENTS_USER_TOTAL_RATE": "0",
        "LIVECOMMENTS_POSTS_PER_ADDRESS": "0",
    }
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-c", RUN, env=environment, stderr=asyncio.subprocess.PIPE
    )
    assert running.stderr is not None
    async with asyncio.timeout(30):
        while b"serving" not in await running.stderr.readline():
            pass
    running.url = f"http://127.0.0.1:{port}"
    yield running
    if running.returncode is None:
        running.kill()
        await running.wait()


async def test_a_writer_that_is_told_to_stop_answers_what_it_took_and_refuses_the_rest(
    process, nats_server, reader, tokens, settings
):
    headers = {"Authorization": f"Bearer {tokens.issue('user', 600)}"}
    numbers: list[int] = []
    refused: list[str] = []

    async def post(n: int) -> None:
        async with http.post(f"{process.url}/comments/v", json={"message": f"text {n}"}, headers=headers) as response:
            body = await response.json()
        if response.status in (201, 202):
            numbers.append(int(body["commentId"]))
        else:
            refused.append(body["code"])

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        await post(0)
        nats_server.pause()
        held = [asyncio.create_task(post(n)) for n in range(1, 51)]
        async with asyncio.timeout(10):
            while b'livecomments_queue_depth{shard="%d"} 50' % shard_of("v", settings.shards) not in (
                await (await http.get(f"{process.url}/metrics")).read()
            ):
                pass
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            while (await http.get(f"{process.url}/readyz")).status == 200:
                pass
        assert (await http.get(f"{process.url}/healthz")).status == 200
        await post(51)
        nats_server.resume()
        await asyncio.wait_for(asyncio.gather(*held), 10)

    assert await asyncio.wait_for(process.wait(), 10) == 0
    assert refused == ["not_stored"]
    found = await stored(reader, shard_of("v", settings.shards), "v")
    assert sorted(numbers) == [message.number for message in found]
    assert len(numbers) == 51


async def test_a_writer_stays_ready_while_jetstream_is_away_for_it_is_the_one_to_tell(process, nats_server):
    nats_server.pause()
    try:
        async with aiohttp.ClientSession() as http, http.get(f"{process.url}/readyz") as response:
            assert response.status == 200
    finally:
        nats_server.resume()
