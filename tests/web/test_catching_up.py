"""What a page missed comes in: after a cut network, an edge's death, a time in which nobody saw it, and a skip."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from playwright.async_api import Browser, expect

from tests.web.between import Between
from tests.web.conftest import LONG, Post, pages_of, poster, sessions
from tests.web.test_safety import until_ready
from tests.web.viewer import NEWER, Viewer

EDGE_BACK_S = 30
HIDDEN_S = 130 if LONG else 0  # longer than a client expects to catch up by the stream
OFFLINE_S = 30
MISSED = [f"missed {number}" for number in range(100)]
ROWS_AT_MOST = 200


@dataclass(frozen=True)
class Offline:
    """Somebody whose network was cut `at`, and who missed `MISSED` since."""

    ada: Viewer
    post: Post
    at: float


@pytest.fixture(scope="module", autouse=True)
async def offline(browser: Browser, site: str) -> AsyncIterator[Offline]:
    """The half a minute without a network goes by while the other tests of this file run."""
    video = "web-offline"
    between = Between(site)
    await between.start()
    async with sessions(browser) as contexts, poster(site, video) as post:
        ada = await pages_of(contexts, site, video)("Ada", at=between.url)
        await post("before")
        await ada.sees("before")
        await ada.page.context.set_offline(True)
        await between.cut()
        cut_at = time.monotonic()
        await post(*MISSED)
        yield Offline(ada, post, cut_at)
    await between.stop()


@pytest.fixture
async def watching(open_page, between):
    """A viewer behind a proxy that can be told to misbehave."""
    return await open_page("Ada", at=between.url)


async def test_an_edge_that_is_killed_under_the_page_costs_no_comment(open_page, post, cluster, video):
    ada = await open_page("Ada")
    await post("before")
    await ada.sees("before")
    edges = cluster.describe()["edges"]
    for edge in edges:
        os.kill(edge["pid"], signal.SIGKILL)
    await post(*(f"meanwhile {number}" for number in range(10)))
    await ada.sees("before", *(f"meanwhile {number}" for number in range(10)), timeout_ms=EDGE_BACK_S * 1000)
    await ada.is_live()
    await post("after")
    await ada.sees("meanwhile 9", "after")
    assert len(await ada.texts()) == 12
    for edge in edges:
        await until_ready(edge["url"])


async def test_what_was_skipped_is_fetched_and_put_where_it_belongs(watching, between, post, video, site):
    await post("one")
    await watching.sees("one")
    between.down = True
    await between.cut()
    await watching.state("away")
    ids = await post("two", "three", "four")
    newest = (await post("five"))[0]
    # An edge that skips those in the middle: what comes next has its number, and so is the place where it goes on.
    skipped = json.dumps({"from": ids[0], "to": ids[-1], "count": 3})
    five = json.dumps({"commentId": newest, "userId": "somebody", "message": "five", "timestamp": 1})
    between.answer_next_stream(
        f"retry: 500\n\nid: {ids[-1]}\nevent: skipped\ndata: {skipped}\n\nid: {newest}\ndata: {five}\n\n"
    )
    between.down = False
    await watching.sees("one", "two", "three", "four", "five")
    assert any("sort=asc" in request.query_string for request in between.asked)
    await watching.is_live()
    assert await watching.texts() == ["one", "two", "three", "four", "five"]


async def test_what_was_skipped_is_shown_though_nothing_comes_after_it(watching, between, post):
    await post("one")
    await watching.sees("one")
    between.holds_streams = True  # what comes is dropped: the page hears of it by history alone
    ids = await post("two", "three")
    between.holds_streams = False
    # History does not have it yet when it is asked first, and the list has been drawn meanwhile.
    not_yet = {"comments": [], "nextCursor": None}
    await watching.page.route("**/*sort=asc*", lambda route: route.fulfill(json=not_yet), times=1)
    skipped = json.dumps({"from": ids[0], "to": ids[-1], "count": 2})
    await between.say(f"id: {ids[-1]}\nevent: skipped\ndata: {skipped}\n\n")
    await watching.sees("one", "two", "three")


async def test_an_incomplete_replay_reloads_the_newest_page(watching, between, post):
    await post("one")
    await watching.sees("one")
    between.down = True
    await between.cut()
    await watching.state("away")
    ids = await post("two", "three")
    incomplete = json.dumps({"resumed": True, "replayed": 0, "complete": False, "from": ids[0], "to": ids[-1]})
    between.answer_next_stream(f"retry: 500\n\nid: {ids[-1]}\nevent: sync\ndata: {incomplete}\n\n")
    between.down = False
    await watching.sees("one", "two", "three")
    await post("four")
    await watching.sees("one", "two", "three", "four")


FREEZABLE = """(() => {
    window.laterMs = 0;
    const now = Date.now;
    Date.now = () => now.call(Date) + window.laterMs;
    window.drawings = 0;
    new MutationObserver(() => { window.drawings += 1; }).observe(list, { childList: true });
})()"""


@contextlib.asynccontextmanager
async def frozen(viewer: Viewer, later_s: float):
    """The tab is frozen for as long as the block lasts; then it is `later_s` later than it would be.

    As with a tab that nobody has looked at for a while, none of its scripts run meanwhile, and nothing that it is sent
    is read: a debugger holds it. What the clock says afterwards is the only thing that is made up, in short runs.
    """
    await viewer.run(FREEZABLE)
    debugger = await viewer.page.context.new_cdp_session(viewer.page)
    paused = asyncio.get_running_loop().create_future()
    debugger.once("Debugger.paused", lambda event: paused.set_result(event))  # noqa: PLW0108  it marks what it calls
    await debugger.send("Debugger.enable")
    await debugger.send("Debugger.pause")
    frame = (await paused)["callFrames"][0]["callFrameId"]
    yield
    later = f"window.laterMs = {later_s * 1000}"
    await debugger.send("Debugger.evaluateOnCallFrame", {"callFrameId": frame, "expression": later})
    await debugger.send("Debugger.disable")


async def test_a_page_that_was_hidden_for_an_hour_catches_up_without_a_flood(watching, between, post):
    """The connection is long gone: the newest page is read in place of all that was missed."""
    await post("before")
    await watching.sees("before")
    async with frozen(watching, later_s=0 if LONG else 3600):
        between.down = True
        await between.cut()
        await post(*(f"missed {number}" for number in range(180)))
        await asyncio.sleep(HIDDEN_S)
        between.asked.clear()
        between.down = False
    await watching.sees("missed 179", timeout_ms=45_000)
    texts = await watching.texts()
    assert texts == [f"missed {number}" for number in range(180 - len(texts), 180)]
    assert len(texts) <= 100
    assert await watching.run("window.drawings") <= 3
    stream = between.streams()[-1]
    page = next(request for request in between.asked if re.search(r"limit=100", request.query_string))
    assert between.asked.index(page) < between.asked.index(stream)
    await post("after")
    await watching.sees("missed 179", "after")
    await expect(watching.page.locator(NEWER)).to_be_hidden()


async def test_a_page_that_is_hidden_with_its_stream_open_draws_what_came_at_once(open_page, post):
    ada = await open_page("Ada")
    await post("before")
    await ada.sees("before")
    async with frozen(ada, later_s=0):
        await post(*(f"meanwhile {number}" for number in range(300)))
    await ada.sees("meanwhile 298", "meanwhile 299")
    texts = await ada.texts()
    assert texts == [f"meanwhile {number}" for number in range(300 - len(texts), 300)]
    assert len(texts) <= ROWS_AT_MOST
    assert await ada.run("window.drawings") <= 10
    await post("after")
    await ada.sees("meanwhile 299", "after")


async def test_what_is_said_while_the_network_is_cut_is_all_there_once_and_in_order(offline: Offline):
    ada, post = offline.ada, offline.post
    await asyncio.sleep(max(0, offline.at + OFFLINE_S - time.monotonic()))
    await ada.say("written while offline")
    await expect(ada.page.locator("live-comments .state")).to_have_text("reconnecting …")
    await ada.page.context.set_offline(False)
    await ada.sees("before", *MISSED, "written while offline", timeout_ms=40_000)
    await post("after")
    await ada.sees("before", *MISSED, "written while offline", "after")
    assert await ada.texts() == ["before", *MISSED, "written while offline", "after"]
