"""Whatever is said is shown as text: no script runs, no request is made. And who may follow with the cookie."""

from __future__ import annotations

import asyncio
import os
import re
import signal

import aiohttp
import orjson
import pytest

from tests.shared_data import SHARED
from tests.web.conftest import make_guest

IN_WINDOW = 190


@pytest.fixture(scope="session")
def naughty() -> list[str]:
    path = SHARED / "corpora" / "blns.json"
    assert path.is_file(), f"{path} is missing: this test needs it; say with SHARED_DATA where it is"
    return orjson.loads(path.read_bytes())


async def test_every_naughty_string_is_shown_as_text_with_no_script_run_and_no_request_made(
    open_page, naughty, site, video
):
    """Those that the service takes: it refuses blank ones and control characters, and trims white space."""
    stored = await post_all(site, video, naughty)
    assert len(stored) > 450
    viewer = await open_page("Ada")
    requests = []
    viewer.page.on("request", lambda request: requests.append(request.url))
    viewer.page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    await viewer.reload()
    await viewer.is_live()
    shown: set[str] = set()
    while not await viewer.run("!root.querySelector('.note').hidden"):
        first = await viewer.run("list.querySelector('li').dataset.id")
        shown.update(await viewer.texts())
        await viewer.scroll_to(0)
        await viewer.until(
            "list.querySelector('li').dataset.id !== given || !root.querySelector('.note').hidden", first
        )
    shown.update(await viewer.texts())
    assert shown == set(stored)
    assert await viewer.run("list.querySelectorAll('li *:not(span, div, p, time, button)').length") == 0
    assert viewer.errors == [], "a Content-Security-Policy that was violated would say so here"
    foreign = [url for url in requests if not url.startswith((site, "data:"))]
    other = [url for url in requests if url.startswith(site) and not url.removeprefix(site).startswith(EXPECTED)]
    assert foreign == other == []


EXPECTED = ("/?video=", "/web/", "/comments/", "/guests", "/status.json")


async def test_a_naughty_string_comes_live_as_it_comes_from_history(open_page, naughty, site, video):
    viewer = await open_page("Ada")
    stored = await post_all(site, video, naughty[-150:])
    await viewer.until("texts().length === given", min(len(stored), IN_WINDOW))
    assert await viewer.texts() == stored
    assert viewer.errors == []


async def post_all(site: str, video: str, texts: list[str]) -> list[str]:
    """Post what the service takes, in order; return the texts as it keeps them."""
    token = (await make_guest(site, "Naughty"))["token"]
    headers = {"Authorization": f"Bearer {token}"}
    stored: list[str] = []
    async with aiohttp.ClientSession(headers=headers) as session:
        for text in texts:
            async with session.post(f"{site}/comments/{video}", json={"message": text}) as answer:
                assert answer.status in (201, 202, 400), await answer.text()
                if answer.status != 400:
                    stored.append(text.strip())
    return stored


@pytest.fixture
async def native(contexts, cluster, site, video):
    """A page with a native `EventSource` on it, which has the cookie, and no component."""
    context = await contexts()
    await context.add_cookies(
        [{"name": "livecomments_token", "value": cluster.token("ada"), "url": site, "httpOnly": True}]
    )
    page = await context.new_page()
    await page.goto(f"{site}/web/icon.svg")  # a page of this origin without the component
    await page.evaluate(
        """(video) => {
            window.heard = [];
            window.opened = 0;
            window.source = new EventSource(`/comments/${video}/stream`);
            window.byes = [];
            window.source.addEventListener("sync", () => { window.opened += 1; });
            window.source.addEventListener("bye", ({ data }) => window.byes.push(JSON.parse(data).reason));
            window.source.onmessage = ({ data }) => window.heard.push(JSON.parse(data).message);
        }""",
        video,
    )
    await page.wait_for_function("() => window.opened === 1")
    return page


@pytest.mark.parametrize("killed", [False, True], ids=["ended", "killed"])
async def test_a_native_event_source_with_the_cookie_follows_through_reconnects(native, cluster, post, killed):
    page = native
    await post("one", "two")
    await page.wait_for_function("() => window.heard.length === 2")
    edge = await only_edge_with_viewers(cluster)
    os.kill(edge["pid"], signal.SIGKILL if killed else signal.SIGTERM)
    await post("three", "four")
    await page.wait_for_function("() => window.heard.length >= 4", timeout=40_000)
    await post("five")
    await page.wait_for_function("() => window.heard.at(-1) === 'five'", timeout=40_000)
    assert await page.evaluate("window.heard") == ["one", "two", "three", "four", "five"]
    assert await page.evaluate("window.opened") >= 2
    await until_ready(edge["url"])


async def test_a_native_event_source_follows_again_after_a_time_without_any_edge(native, cluster, post):
    """Any status but 200 would end it for good: the gateway answers for the edges, and says when to come back."""
    page = native
    await post("one")
    await page.wait_for_function("() => window.heard.length === 1")
    edges = cluster.describe()["edges"]
    for edge in edges:
        os.kill(edge["pid"], signal.SIGSTOP)  # the gateway's checks fail, and it cuts their streams
    await page.wait_for_function("() => window.byes.includes('full')", timeout=30_000)
    for edge in edges:
        os.kill(edge["pid"], signal.SIGKILL)
    await post("two", "three")
    await page.wait_for_function("() => window.heard.length >= 3", timeout=40_000)
    await post("four")
    await page.wait_for_function("() => window.heard.at(-1) === 'four'", timeout=40_000)
    assert await page.evaluate("window.heard") == ["one", "two", "three", "four"]
    for edge in edges:
        await until_ready(edge["url"])


async def only_edge_with_viewers(cluster) -> dict:
    """Return the one edge that has viewers, once those of the tests before have gone."""
    for _ in range(100):
        busy = [edge for edge in cluster.describe()["edges"] if await viewers(edge["url"])]
        if len(busy) == 1:
            return busy[0]
        await asyncio.sleep(0.1)
    pytest.fail("there are viewers on several edges")


async def viewers(edge: str) -> float:
    """Return how many watch at an edge."""
    async with aiohttp.ClientSession() as session, session.get(f"{edge}/metrics") as answer:
        return float(re.search(r"^livecomments_viewers (\S+)", await answer.text(), re.MULTILINE)[1])


async def until_ready(edge: str) -> None:
    """Wait until an edge has been started again: the cluster is left as it was found."""
    async with aiohttp.ClientSession() as session:
        for _ in range(200):
            try:
                async with session.get(f"{edge}/readyz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)
    pytest.fail("the edge was not started again")


async def test_with_the_cookie_a_post_needs_an_origin_of_ours(cluster, site, video):
    cookies = {"livecomments_token": cluster.token("ada")}
    async with aiohttp.ClientSession(cookies=cookies) as session:
        for origin, wanted in ((None, 403), ("https://example.com", 403), (site, 201)):
            headers = {"Origin": origin} if origin else {}
            body = {"message": "hello"}
            async with session.post(f"{site}/comments/{video}", json=body, headers=headers) as answer:
                assert (201 if answer.status == 202 else answer.status) == wanted
