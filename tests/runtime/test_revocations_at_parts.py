"""Parts that have not heard yet which tokens were revoked."""

from __future__ import annotations

import asyncio

import aiohttp

from runtime import jetstream
from runtime.jetstream import Outgoing, Publisher
from runtime.streams import make_moderation_streams
from tests.servers import Part
from wire import subjects
from wire.comment import encode_payload
from wire.headers import own_id
from wire.video import shard_of

SOON_S = 15


async def test_a_writer_and_an_edge_that_cannot_read_them_take_no_token_and_tell_streams_to_come_back(
    tmp_path, make_settings, streams, connection, tokens
):
    settings = make_settings()
    given = {name: getattr(settings, name) for name in ("shards", "nats_url", "token_secret_file")}
    assert "error" not in await jetstream.api(connection, f"STREAM.DELETE.{subjects.REVOCATIONS_STREAM}")
    said = Outgoing(subjects.comments(shard_of("v", settings.shards), "v"), encode_payload("ann", "hello"), own_id())
    await Publisher(connection).one(said)
    for name in ("writer", "edge"):
        (tmp_path / name).mkdir()
    parts = [
        Part(tmp_path / name, f"{name}.app", {**given, "public_read": 1, "posts_per_address": 0})
        for name in ("writer", "edge")
    ]
    writer, edge = parts
    try:
        await asyncio.gather(*(asyncio.to_thread(part.start) for part in parts))
        page, snapshot = f"{writer.url}/comments/v", f"{edge.url}/comments/v/snapshot"
        good = {"Authorization": f"Bearer {tokens.issue('ann', 600)}"}
        async with aiohttp.ClientSession() as web:

            async def post(headers: dict[str, str]) -> aiohttp.ClientResponse:
                async with web.post(page, json={"message": "hello"}, headers=headers) as answer:
                    return answer

            async def look(headers: dict[str, str]) -> int:
                async with web.get(snapshot, headers=headers) as answer:
                    return answer.status

            refused = await post(good)
            assert refused.status == 503
            assert refused.headers["Retry-After"]
            assert await look(good) == 503
            assert await look({}) == 200, "no token, and none is needed"
            assert (await post({"Authorization": "Bearer garbage"})).status == 401, "that can be told"
            async with web.get(f"{edge.url}/comments/v/stream", headers={**good, "Last-Event-ID": "1"}) as early:
                assert early.status == 200, "any other ends a browser's EventSource for good"
                told = await early.text()
            assert "retry: " in told
            assert '"unavailable"' in told
            await make_moderation_streams(connection, settings)
            async with asyncio.timeout(SOON_S):
                while (seen := await look(good)) == 503:
                    pass
                while (posted := (await post(good)).status) == 503:
                    pass
            assert (seen, posted) == (200, 202)
    finally:
        for part in parts:
            part.kill()
