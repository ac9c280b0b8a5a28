"""A token that was taken away, and a comment that was, through the gateway and everywhere behind it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import jwt
import pytest

from bench.own_cluster import OwnCluster
from tests.end_to_end.conftest import DEADLINE_S, Person, ids, synced
from tests.felt import TIMES, felt_s
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

    async def until(self, name: str, count: int = 1) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while len(self.told(name)) < count:  # noqa: ASYNC110  many conditions, one list
                await asyncio.sleep(0.002)

    async def end(self) -> float:
        """Wait until it has ended. Returns when that was."""
        async with asyncio.timeout(DEADLINE_S):
            while self.ended_at is None:  # noqa: ASYNC110
                await asyncio.sleep(0.002)
        return self.ended_at


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
    users = [f"mallory-{what}-{number}" for number in range(TIMES)]
    tokens = [cluster.token(user) for user in users]
    ids_of = [jwt.decode(token, options={"verify_signature": False})["jti"] for token in tokens]
    places = [f"tokens/{one}" for one in ids_of] if what == "token" else [f"users/{user}" for user in users]
    other = cluster.token("bystander")
    stream, page = f"{cluster.url}/comments/{video}/stream", f"{cluster.url}/comments/{video}"
    async with AsyncExitStack() as stack:
        theirs = [await stack.enter_async_context(watching(web, stream, token)) for token in tokens]
        ours = await stack.enter_async_context(watching(web, stream, other))

        async def once(number: int) -> float:
            began = time.monotonic()
            assert await status(web, "PUT", f"{cluster.url}/revocations/{places[number]}", operator) == 200
            return await theirs[number].end() - began

        assert await felt_s(once) < FELT_WITHIN_S
        assert all(one.told("bye") == [{"reason": "revoked"}] for one in theirs)
        assert ours.ended_at is None
    bad = {"Authorization": f"Bearer {tokens[0]}"}
    assert await status(web, "POST", page, bad, json={"message": "hi"}) == 401
    assert await status(web, "GET", page, bad) == 401
    assert await status(web, "GET", stream, {**bad, "Last-Event-ID": "1"}) == 204
    assert await status(web, "GET", page, {"Authorization": f"Bearer {other}"}) == 200
    assert await status(web, "DELETE", f"{cluster.url}/revocations/{places[0]}", operator) == 200
    async with asyncio.timeout(DEADLINE_S):
        while await status(web, "GET", page, bad) != 200:
            pass
    of = ids_of[0] if what == "token" else users[0]
    entries = await operators_log(web, cluster, operator, of, at_least=2)
    assert [(one["kind"], one["by"], one["what"]["what"]) for one in entries] == [
        ("lift", "operator", what),
        ("revoke", "operator", what),
    ]


async def operators_log(
    web: aiohttp.ClientSession, cluster: OwnCluster, operator: dict[str, str], of: str, at_least: int
) -> list[dict[str, Any]]:
    """What was done with somebody's tokens, the newest first, once so much of it is archived."""
    async with asyncio.timeout(DEADLINE_S):
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
    page = f"{cluster.url}/comments/{video}"
    async with watching(web, f"{page}/stream", cluster.token("viewer")) as viewer:
        numbers = [await person.post(video, f"secret {number}") for number in range(TIMES)]
        await viewer.until("message", TIMES)

        async def once(at: int) -> float:
            began = time.monotonic()
            assert await status(web, "DELETE", f"{page}/{numbers[at]}", moderator) in (200, 202)
            await viewer.until("delete", at + 1)
            return time.monotonic() - began

        assert await felt_s(once) < 1
        assert viewer.told("delete") == [{"commentId": number} for number in numbers]
    newest = (await person.history(video, sort="desc", at_least=TIMES + 1))[:TIMES]
    tombstones = [(one["id"], one["deleted"], "message" in one) for one in newest]
    assert tombstones == [(number, True, False) for number in reversed(numbers)]
    replay = await person.watch(video, synced, position=first)
    assert ids(replay) == []
    assert "secret" not in str(replay)
    async with asyncio.timeout(DEADLINE_S):
        while True:
            async with web.get(f"{cluster.url}/videos/{video}/audit", headers=moderator) as answer:
                entries = (await answer.json())["entries"]
            if len(entries) == TIMES:
                break
    done = [(one["kind"], one["by"], one["what"]["commentId"]) for one in entries]
    assert done == [("delete", "mod", number) for number in reversed(numbers)]


async def test_the_command_line_revokes_and_lifts(cluster, web, operator, video):
    headers = {"Authorization": f"Bearer {cluster.token('a b/c')}"}
    page = f"{cluster.url}/comments/{video}"
    assert await status(web, "GET", page, headers) == 200
    for options, wanted in (((), 401), (("--lift",), 200)):
        done = await asyncio.to_thread(cluster.cli, "revoke", "--user", "a b/c", *options)
        assert done.returncode == 0, done.stderr
        async with asyncio.timeout(DEADLINE_S):
            while await status(web, "GET", page, headers) != wanted:
                pass
    entries = await operators_log(web, cluster, operator, "a b/c", at_least=2)
    assert [one["kind"] for one in entries] == ["lift", "revoke"]
    assert (await asyncio.to_thread(cluster.cli, "revoke")).returncode == 2
