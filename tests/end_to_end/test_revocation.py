"""A token that was taken away, and a comment that was, through the gateway and everywhere behind it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import jwt
import pytest

from bench.own_cluster import OwnCluster
from tests.end_to_end.conftest import Person, ids, synced
from wire.sse import Event, EventParser

FELT_WITHIN_S = 0.2


@pytest.fixture
def operator(cluster: OwnCluster) -> dict[str, str]:
    token = cluster.token("operator", role="host", videos=["*"])
    return {"Authorization": f"Bearer {token}"}


class Watcher:
    """A stream, read in the background."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.ended_at: float | None = None

    def told(self, name: str) -> list[Any]:
        return [event.json() for event in self.events if event.name == name]

    async def until(self, name: str) -> None:
        async with asyncio.timeout(10):
            while not self.told(name):  # noqa: ASYNC110  many conditions, one list
                await asyncio.sleep(0.002)

    async def end(self) -> None:
        async with asyncio.timeout(10):
            while self.ended_at is None:  # noqa: ASYNC110
                await asyncio.sleep(0.002)


@asynccontextmanager
async def watching(web: aiohttp.ClientSession, url: str, token: str) -> AsyncIterator[Watcher]:
    watcher = Watcher()

    async def read() -> None:
        async with web.get(url, headers={"Authorization": f"Bearer {token}"}) as stream:
            assert stream.status == 200
            parser = EventParser()
            async for piece in stream.content.iter_any():
                watcher.events += parser.feed(piece)
        watcher.ended_at = time.monotonic()

    task = asyncio.create_task(read())
    try:
        await watcher.until("sync")
        yield watcher
    finally:
        task.cancel()
        await asyncio.wait({task})


async def status(web: aiohttp.ClientSession, method: str, url: str, headers: dict[str, str], **body: Any) -> int:
    async with web.request(method, url, headers=headers, **body) as answer:
        return answer.status


@pytest.mark.parametrize("what", ["token", "user"])
async def test_a_revoked_token_is_cut_off_everywhere_and_another_one_is_not(cluster, web, operator, video, what):
    user = f"mallory-{what}"
    token = cluster.token(user)
    other = cluster.token("bystander")
    bad = {"Authorization": f"Bearer {token}"}
    claims = jwt.decode(token, options={"verify_signature": False})
    place = f"tokens/{claims['jti']}" if what == "token" else f"users/{user}"
    stream, page = f"{cluster.url}/comments/{video}/stream", f"{cluster.url}/comments/{video}"
    async with watching(web, stream, token) as theirs, watching(web, stream, other) as ours:
        began = time.monotonic()
        assert await status(web, "PUT", f"{cluster.url}/revocations/{place}", operator) == 200
        await theirs.end()
        assert theirs.ended_at is not None
        assert theirs.ended_at - began < FELT_WITHIN_S
        assert theirs.told("bye") == [{"reason": "revoked"}]
        assert ours.ended_at is None
    assert await status(web, "POST", page, bad, json={"message": "hi"}) == 401
    assert await status(web, "GET", page, bad) == 401
    assert await status(web, "GET", stream, {**bad, "Last-Event-ID": "1"}) == 204
    assert await status(web, "GET", page, {"Authorization": f"Bearer {other}"}) == 200
    assert await status(web, "DELETE", f"{cluster.url}/revocations/{place}", operator) == 200
    async with asyncio.timeout(5):
        while await status(web, "GET", page, bad) != 200:
            pass
    of = claims["jti"] if what == "token" else user
    entries = await operators_log(web, cluster, operator, of, at_least=2)
    assert [(one["kind"], one["by"], one["what"]["what"]) for one in entries] == [
        ("lift", "operator", what),
        ("revoke", "operator", what),
    ]


async def operators_log(
    web: aiohttp.ClientSession, cluster: OwnCluster, operator: dict[str, str], of: str, at_least: int
) -> list[dict[str, Any]]:
    """What was done with somebody's tokens, the newest first, once so much of it is archived."""
    async with asyncio.timeout(10):
        while True:
            async with web.get(f"{cluster.url}/revocations/audit", headers=operator) as answer:
                entries = [one for one in (await answer.json())["entries"] if one["what"]["of"] == of]
            if len(entries) >= at_least:
                return entries


async def test_only_an_operator_revokes(cluster, web, video):
    for claims in ({}, {"role": "host", "videos": [video]}, {"role": "moderator", "videos": ["*"]}):
        headers = {"Authorization": f"Bearer {cluster.token('eve', **claims)}"}
        assert await status(web, "PUT", f"{cluster.url}/revocations/users/ann", headers) == 403
        assert await status(web, "GET", f"{cluster.url}/revocations/audit", headers) == 403
    assert await status(web, "PUT", f"{cluster.url}/revocations/users/ann", {}) == 401
    assert await status(web, "GET", f"{cluster.url}/revocations/audit", {}) == 401
    for unseen in ("/comments/~operators", "/videos/~operators/audit"):
        headers = {"Authorization": f"Bearer {cluster.token('eve', role='host', videos=['*'])}"}
        assert await status(web, "GET", cluster.url + unseen, headers) == 400


async def test_a_comment_is_removed_live_in_history_and_in_a_replay(cluster, web, person: Person, video):
    moderator = {"Authorization": f"Bearer {cluster.token('mod', role='moderator', videos=[video])}"}
    first = await person.post(video, "first")
    stream = f"{cluster.url}/comments/{video}/stream"
    async with watching(web, stream, cluster.token("viewer")) as viewer:
        number = await person.post(video, "secret")
        await viewer.until("message")
        began = time.monotonic()
        assert await status(web, "DELETE", f"{cluster.url}/comments/{video}/{number}", moderator) in (200, 202)
        await viewer.until("delete")
        assert time.monotonic() - began < 1
        assert viewer.told("delete") == [{"commentId": number}]
    [tombstone, _] = (await person.history(video, sort="desc", at_least=2))[:2]
    assert (tombstone["id"], tombstone["deleted"], "message" in tombstone) == (number, True, False)
    replay = await person.watch(video, synced, position=first)
    assert ids(replay) == []
    assert "secret" not in str(replay)
    async with asyncio.timeout(5):
        while True:
            async with web.get(f"{cluster.url}/videos/{video}/audit", headers=moderator) as answer:
                entries = (await answer.json())["entries"]
            if entries:
                break
    assert [(one["kind"], one["by"], one["what"]["commentId"]) for one in entries] == [("delete", "mod", number)]


async def test_the_command_line_revokes_and_lifts(cluster, web, operator, video):
    headers = {"Authorization": f"Bearer {cluster.token('a b/c')}"}
    page = f"{cluster.url}/comments/{video}"
    assert await status(web, "GET", page, headers) == 200
    for options, wanted in (((), 401), (("--lift",), 200)):
        done = await asyncio.to_thread(cluster.cli, "revoke", "--user", "a b/c", *options)
        assert done.returncode == 0, done.stderr
        async with asyncio.timeout(5):
            while await status(web, "GET", page, headers) != wanted:
                pass
    entries = await operators_log(web, cluster, operator, "a b/c", at_least=2)
    assert [one["kind"] for one in entries] == ["lift", "revoke"]
    assert (await asyncio.to_thread(cluster.cli, "revoke")).returncode == 2
