"""Streams straight from the edge that has the video: on a page, and from Python."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import aiohttp
import pytest

from bench.own_cluster import RATES_OFF
from livecomments.client import Client, Opened
from tests.cluster_fixture import brief_cluster
from tests.web.viewer import Viewer
from wire.sse import Event

# The component, with `direct`, in place of all that is on a page. The page itself must come from this machine: Chromium
# lets no page from elsewhere ask for anything here (Local Network Access), and one that a test makes up is from
# nowhere.
SHOW = """async ([video, token]) => {
    await import("/web/live-comments/index.js");
    const component = document.createElement("live-comments");
    component.token = () => token;
    component.direct = true;
    component.video = video;
    document.body.replaceChildren(component);
}"""


@pytest.fixture(scope="module")
def direct(tmp_path_factory):
    with brief_cluster({**RATES_OFF, "LIVECOMMENTS_DIRECT": "1"}, tmp_path_factory.mktemp("direct")) as cluster:
        yield cluster


@pytest.fixture
async def say(direct):
    """Post a comment at a writer's own port: the gateway may be away."""
    async with aiohttp.ClientSession() as session:

        async def post(video, message):
            async with session.post(
                f"{direct.describe()['writers'][0]['url']}/comments/{video}",
                json={"message": message},
                headers={"Authorization": f"Bearer {direct.token('bob')}"},
            ) as answer:
                assert answer.status in (201, 202), await answer.text()

        yield post


@contextlib.contextmanager
def paused(pid):
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def location(session, cluster, edge, video, avoid=None):
    """What an edge says where the video's stream is; a path alone where it knows of nobody but those to `avoid`."""
    async with session.get(
        f"{edge['url']}/comments/{video}/stream/location",
        params={"avoid": avoid} if avoid else {},
        headers={"Authorization": f"Bearer {cluster.token('bob')}"},
    ) as answer:
        return (await answer.json())["url"]


async def owner(cluster, video):
    """The process of the edge that a video's viewers go to, once each edge knows of the others."""
    edges = cluster.describe()["edges"]
    async with aiohttp.ClientSession() as session, asyncio.timeout(20):
        while True:
            with contextlib.suppress(aiohttp.ClientConnectionError):  # one that was ended is started again
                first, *others = [await location(session, cluster, edge, video) for edge in edges]
                host = first.partition("/comments/")[0]
                second = [await location(session, cluster, edge, video, avoid=host) for edge in edges]
                if all(url == first for url in others) and all(url.startswith("http") for url in (first, *second)):
                    break
            await asyncio.sleep(0.1)
            edges = cluster.describe()["edges"]
    (pid,) = [edge["pid"] for edge in edges if is_at(edge["pid"], first)]
    return first, pid


def is_at(pid, url):
    """Whether a process is the edge at an address."""
    mine = f"LIVECOMMENTS_DIRECT_URL={url.partition('/comments/')[0]}\0"
    return mine in Path(f"/proc/{pid}/environ").read_text()


@pytest.fixture
async def show(direct, contexts, video):
    """Open a page with the component; what it asked for until it was live, as far as that was about its stream."""

    async def show_one(**options):
        viewer = Viewer(await (await contexts(**options)).new_page())
        await viewer.page.goto(f"{direct.url}/")
        asked = []
        viewer.page.on("request", lambda request: asked.append(request.url))
        await viewer.page.evaluate(SHOW, [video, direct.token("ada")])
        await viewer.is_live()
        return viewer, [url for url in asked if f"/comments/{video}/stream" in url]

    return show_one


async def test_a_page_has_its_stream_from_the_edge_and_finds_another_when_that_dies(direct, say, show, video):
    url, pid = await owner(direct, video)
    viewer, asked = await show(bypass_csp=True)
    assert asked == [f"{direct.url}/comments/{video}/stream/location", url]
    with paused(direct.describe()["gateway"]["pid"]):
        await say(video, "not through the gateway")
        await viewer.sees("not through the gateway")
    os.kill(pid, signal.SIGKILL)
    await say(video, "while the edge is away")
    await viewer.sees("not through the gateway", "while the edge is away", timeout_ms=30_000)


async def test_who_cannot_reach_an_edge_goes_through_the_gateway(direct, say, show, video):
    """The page's own policy lets it ask nobody but its own address: to it, edges are as behind a firewall."""
    await owner(direct, video)
    viewer, asked = await show()
    own = f"{direct.url}/comments/{video}/stream"
    assert (asked[0], asked[-1]) == (f"{own}/location", own)
    await say(video, "all the same")
    await viewer.sees("all the same")


UNRENEWABLE = """async () => {
    const { Service } = await import("/web/live-comments/service.js");
    const asked = [];
    window.fetch = async (url) => {
        asked.push(String(url));
        if (url.includes("/location")) return Response.json({ url: `https://edge-${asked.length}.example/stream` });
        return Response.json({ code: "no_token" }, { status: 401 });
    };
    const token = (renew) => (renew ? Promise.reject(new Error("away")) : "old");
    const { signal } = new AbortController();
    const service = new Service({ video: "v", src: "", token, direct: true, signal });
    const problem = await service.stream("0", { signal, withinMs: 1000 }).catch((problem) => problem);
    return [problem.code, asked.length];
}"""


async def test_an_edge_is_not_to_blame_where_no_token_can_be_had(contexts, site):
    """It would be avoided, and the next one after it, and then all of them for ten minutes."""
    page = await (await contexts(bypass_csp=True)).new_page()
    await page.goto(f"{site}/web/icon.svg")
    assert await page.evaluate(UNRENEWABLE) == ["no_new_token", 2]  # where the stream is, and the stream


async def test_a_client_in_python_misses_nothing_while_its_edges_die(direct, say, video):
    await owner(direct, video)
    said, heard, ways = [], [], []
    async with Client(direct.url, direct=True) as client, asyncio.timeout(60):
        events = client.follow(video, lambda: direct.token("ada"), "0")
        async with contextlib.aclosing(events):
            async for event in events:
                match event:
                    case Opened():
                        ways.append(event.url)
                    case Event(name="sync"):
                        if len(said) == 3:
                            continue
                        said.append(f"comment {len(said)}")
                        await say(video, said[-1])
                    case Event(name="message"):
                        heard.append(event.json()["message"])
                        if heard[-1] == "comment 2":
                            break
                        for edge in direct.describe()["edges"]:
                            with contextlib.suppress(ProcessLookupError):
                                os.kill(edge["pid"], signal.SIGKILL)
                    case _:
                        pass
    assert heard == said
    assert not ways[0].startswith(direct.url)
