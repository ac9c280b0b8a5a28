"""Parts that go by an issuer's published keys: a key that was exchanged is good at the first request that names it."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from tests.runtime.issuer import KeyPair, running_issuer
from tests.servers import Part

SOON_S = 15


@pytest.fixture
def issuer():
    with running_issuer() as running:
        yield running


async def test_writer_and_edge_wait_for_a_key_that_was_published_meanwhile(tmp_path, make_settings, streams, issuer):
    first, second, unknown = KeyPair("ES256", "first"), KeyPair("EdDSA", "second"), KeyPair("ES256", "unknown")
    issuer.publish(first)
    settings = make_settings()
    given = {name: getattr(settings, name) for name in ("shards", "nats_url")} | {
        "token_algorithms": "ES256,EdDSA",
        "token_keys_url": issuer.url,
        "token_keys_min_refresh_s": 1,
    }
    parts = []
    for name in ("writer", "edge"):
        (tmp_path / name).mkdir()
        parts.append(Part(tmp_path / name, f"{name}.app", given))
        parts[-1].start()
    writer, edge = parts
    asked = (("POST", f"{writer.url}/comments/v", 202), ("GET", f"{edge.url}/comments/v/snapshot", 200))
    try:
        async with aiohttp.ClientSession() as web:

            async def status(method: str, url: str, token: str) -> int:
                body = {"message": "hello"} if method == "POST" else None
                async with web.request(method, url, json=body, headers={"Authorization": f"Bearer {token}"}) as answer:
                    return answer.status

            for method, url, good in asked:
                assert await status(method, url, first.token()) == good
            issuer.publish(first, second)
            await asyncio.sleep(1.1)  # the least time between two reads, which is what is tested
            for method, url, good in asked:
                assert await status(method, url, second.token()) == good, "at once, with the first request"
            issuer.publish(second)
            async with asyncio.timeout(SOON_S):
                for method, url, _ in asked:
                    while await status(method, url, first.token()) != 401:
                        # Somebody names a key that nobody knows, and so the address is read again.
                        await asyncio.sleep(0.2)
                        assert await status(method, url, unknown.token()) == 401
    finally:
        for part in parts:
            part.kill()
