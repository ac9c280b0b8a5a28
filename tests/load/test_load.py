"""The measurements themselves: they pass on the real thing, and fail on a server that lets its viewers down."""

from __future__ import annotations

import asyncio
import json
import os
from collections import defaultdict
from pathlib import Path

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bench.own_cluster import OwnCluster
from tests.load.running import locust, run, with_site
from wire.sse import comment_event, named_event, retry

LATENCY = ("-m", "bench.latency", "--rate", "40", "--videos", "4", "--viewers", "12", "--seconds", "3", "--warmup", "0")
MIX = ("--watchers", "14", "--posters", "4", "--readers", "2", "--rate", "10", "--videos", "3", "-t", "6s")
LOCUST = locust(*MIX, "-r", "20")


async def test_the_latency_bench_measures_a_cluster_that_runs(cluster: OwnCluster, tmp_path: Path):
    status, output = await run((*LATENCY, "--url", cluster.url, "--json", str(tmp_path / "out.json")), cluster.env)
    assert status == 0, output
    measured = json.loads((tmp_path / "out.json").read_bytes())
    assert measured["expected"] == 120 * 3
    assert measured["post_ms"]["count"] == 120
    assert measured["post_to_viewer_ms"]["count"] == 120 * 3
    assert (measured["missed"], measured["repeated"], measured["out_of_order"]) == (0, 0, 0)


async def test_locust_loads_a_cluster_that_runs(cluster: OwnCluster):
    status, output = await run(LOCUST, cluster.env)
    assert status == 0, output
    assert "missed 0, repeated 0, out of order 0" in output
    assert " watchers were owed 0 " not in output


class Careless:
    """A server that takes comments and then loses one in ten, sends one in ten twice, and one in ten too late."""

    def __init__(self) -> None:
        self._last = 0
        self._viewers: dict[str, set[web.StreamResponse]] = defaultdict(set)
        self._held: dict[str, bytes] = defaultdict(bytes)

    async def post(self, request: web.Request) -> web.StreamResponse:
        self._last += 1
        video, text = request.match_info["video"], orjson.loads(await request.read())["message"]
        event = comment_event(self._last, orjson.dumps({"commentId": str(self._last), "message": text}))
        match self._last % 10:
            case 3:
                event = b""
            case 5:
                event *= 2
            case 7:
                self._held[video] += event
                event = b""
            case _:
                event += self._held.pop(video, b"")
        for viewer in self._viewers[video]:
            await viewer.write(event or b":\n")
        return web.json_response({"commentId": str(self._last)}, status=201)

    async def page(self, _: web.Request) -> web.StreamResponse:
        return web.json_response({"comments": [], "nextCursor": None})

    async def stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(retry(1000) + named_event("sync", {"complete": True}))
        viewers = self._viewers[request.match_info["video"]]
        viewers.add(response)
        try:
            await asyncio.sleep(120)
        finally:
            viewers.discard(response)
        return response


@pytest.fixture
async def careless(tmp_path: Path):
    """Return the address of a careless server, and the environment of a command that takes it for a cluster."""
    server, app = Careless(), web.Application()
    app.router.add_post("/comments/{video}", server.post)
    app.router.add_get("/comments/{video}", server.page)
    app.router.add_get("/comments/{video}/stream", server.stream)
    running = TestServer(app)
    await running.start_server(shutdown_timeout=0.1)
    secret = tmp_path / "secrets" / "token"
    secret.parent.mkdir()
    secret.write_text("the secret of a server that a test made up")
    yield str(running.make_url("")).rstrip("/"), {**os.environ, "LIVECOMMENTS_DATA_DIR": str(tmp_path)}
    await running.close()


async def test_the_latency_bench_fails_where_viewers_are_let_down(careless, tmp_path: Path):
    url, env = careless
    arguments = (*LATENCY, "--url", url, "--json", str(tmp_path / "out.json"))
    status, output = await run(arguments, {**env, **with_site("hurried_site")})
    assert status == 1, output
    measured = json.loads((tmp_path / "out.json").read_bytes())
    assert measured["missed"] >= 12 * 3
    assert measured["repeated"] == 12 * 3
    assert measured["out_of_order"] >= 1


async def test_locust_fails_where_viewers_are_let_down(careless):
    url, env = careless
    status, output = await run((*LOCUST, "--host", url), env)
    assert status == 1, output
    assert "a comment came repeated" in output
    for what in ("missed 0", "repeated 0", "out of order 0"):
        assert what not in output
