"""A real browser: Debian's Chromium, driven by Playwright. `make test` installs it where it may.

| fixture | lives for | what |
|---|---|---|
| `browser` | the run | Chromium |
| `site` | the run | the address of a running cluster |
| `video` | a test | a video of its own |
| `open_page` | a test | opens the page as a viewer of that video, in a browser session of its own |
| `post` | a test | posts comments to that video without a browser |
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Browser, async_playwright

from bench.own_cluster import OwnCluster
from tests.web.viewer import Viewer

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
]

OpenPage = Callable[..., Awaitable[Viewer]]
Post = Callable[..., Awaitable[list[str]]]

_videos = itertools.count(1)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    assert program is not None, "no Chromium: run 'make test', or install it (Debian: apt-get install chromium)"
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield launched
        await launched.close()


@pytest.fixture(scope="session")
def site(cluster: OwnCluster) -> str:
    return cluster.url


@pytest.fixture
def video() -> str:
    return f"web-{next(_videos)}"


@pytest.fixture
async def open_page(browser: Browser, site: str, video: str) -> AsyncIterator[OpenPage]:
    """`await open_page("Ada")` is a viewer named Ada, whose stream is open; `name=None`: before joining."""
    contexts = []

    async def open_one(name: str | None, *, width: int = 1280, height: int = 800, **options: Any) -> Viewer:
        context = await browser.new_context(
            viewport={"width": width, "height": height}, reduced_motion="reduce", locale="en-GB", **options
        )
        contexts.append(context)
        viewer = Viewer(await context.new_page())
        await viewer.page.goto(f"{site}/?video={video}")
        if name is not None:
            await viewer.join(name)
        return viewer

    yield open_one
    for context in contexts:
        await context.close()


@pytest.fixture
async def post(site: str, video: str) -> AsyncIterator[Post]:
    """`await post("hello", "again")` returns the ids; `name` says who speaks."""
    async with aiohttp.ClientSession() as session:

        async def post_all(*messages: str, name: str = "Someone else") -> list[str]:
            async with session.post(f"{site}/guests", json={"name": name}) as answer:
                token = (await answer.json())["token"]
            ids = []
            for message in messages:
                async with session.post(
                    f"{site}/comments/{video}",
                    json={"message": message},
                    headers={"Authorization": f"Bearer {token}"},
                ) as answer:
                    assert answer.status in (201, 202), await answer.text()
                    ids.append((await answer.json())["commentId"])
            return ids

        yield post_all
