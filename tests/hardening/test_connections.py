"""A part by itself: its connections, and whom it believes. The gateway's own limits are tested in `tests/gateway`."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from runtime.settings import Settings
from tests.hardening.conftest import say
from tests.servers import Part


async def test_a_part_takes_so_many_connections_and_tells_the_rest_to_come_back(tmp_path, make_settings, streams):
    """Who reaches a part past the gateway must not be able to use up its files: streams would find no place."""
    settings: Settings = make_settings()
    given = {name: getattr(settings, name) for name in ("shards", "nats_url", "token_secret_file")}
    writer = Part(tmp_path, "writer.app", {**given, "connections_per_part": 5, "head_s": 60})
    writer.start()
    try:
        idle = [await asyncio.open_connection("127.0.0.1", writer.port) for _ in range(5)]
        for _, one in idle:
            one.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")  # and no more
            await one.drain()
        refused = await say(writer.url, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 2" in refused
        assert b'"code":"unavailable"' in refused
        for _, one in idle:
            one.close()
            await one.wait_closed()
        async with asyncio.timeout(10):
            while not (  # noqa: ASYNC110  it is about another process
                await say(writer.url, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            ).startswith(b"HTTP/1.1 200"):
                await asyncio.sleep(0.05)
    finally:
        writer.kill()


@pytest.mark.parametrize(("trusted", "is_believed"), [("192.0.2.1", False), ("127.0.0.1", True)])
async def test_only_a_proxy_of_the_list_says_at_a_part_who_a_client_is(
    tmp_path, make_settings, streams, trusted, is_believed
):
    """Whoever may choose his address has as many addresses as he likes, and each has a rate of its own."""
    settings: Settings = make_settings()
    given = {name: getattr(settings, name) for name in ("shards", "nats_url", "token_secret_file")}
    writer = Part(tmp_path, "writer.app", {**given, "posts_per_address": 0.01, "trusted_proxies": trusted})
    writer.start()
    try:
        statuses = []
        async with aiohttp.ClientSession() as web:
            for number in range(15):
                sent = {"X-Forwarded-For": f"203.0.113.{number}"}
                async with web.post(f"{writer.url}/comments/v", headers=sent) as answer:
                    statuses.append(answer.status)
                    if answer.status == 429:
                        assert int(answer.headers["Retry-After"]) >= 1
        assert (429 not in statuses) is is_believed
    finally:
        writer.kill()
