"""A real browser: Debian's Chromium, driven by Playwright. `make test` installs it where it may.

| fixture | lives for | what |
|---|---|---|
| `browser` | the run | Chromium |
| `site` | the run | the address of a running cluster |
| `blank_page` | the run | a page with nothing on it, for scripts that need no page |
| `video` | a test | a video of its own |
| `open_page` | a test | opens the page as a viewer of that video, in a browser session of its own |
| `open_component` | a test | opens a page with nothing but the component on it, with a script of the test's own |
| `post` | a test | posts comments to that video without a browser |
| `between` | a test | a proxy in front of the cluster that can be told to misbehave |
| `figures` | the run | keeps a line of what was measured in `test-artefacts/web-figures*.txt` |
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Browser, BrowserContext, Page, Route, async_playwright, expect

from bench.own_cluster import OwnCluster
from tests.web.between import Between
from tests.web.viewer import Viewer

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
]

ARTEFACTS = Path(__file__).resolve().parents[2] / "test-artefacts"  # what a run leaves for people to look at

# `make test-web-long` runs the long versions of some tests; `make test` has about ten minutes for everything.
LONG = os.environ.get("LONG") == "1"

COMPONENT_PAGE = """<!doctype html>
<html lang="en" dir="{dir}"><head><meta charset="utf-8"><title>A page of somebody else's</title>
<link rel="icon" href="data:,">
<style nonce="test">body {{ margin: 0; color-scheme: light dark }} live-comments {{ block-size: 500px }}</style>
</head><body><main>{body}</main>
<script type="module" nonce="test">import "/web/live-comments/index.js"; {script}</script></body></html>"""
STRICT = (
    "default-src 'none'; script-src 'self' 'nonce-test'; style-src 'nonce-test'; connect-src 'self'; img-src data:; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)

# Constants of the scripts that `make test` makes smaller, by file: what they do is the same, and takes less time.
HURRIED = {
    "following.js": {"FIRST_WITHIN_MS": 2_000},
    "announcer.js": {"EVERY_MS": 2_500},
    "http.js": {"ANSWER_WITHIN_MS": 1_500},
    "credentials.js": {"TOKEN_WITHIN_MS": 500},
    "status.js": {"WITHIN_MS": 1_000, "EVERY_MS": 500},
}

# What is expected is waited for as long as everything else here (`viewer.py`): other runs may have the machine.
expect.set_options(timeout=20_000)

OpenContext = Callable[..., Awaitable[BrowserContext]]
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
def figures() -> Callable[[str], None]:
    ARTEFACTS.mkdir(exist_ok=True)
    file = ARTEFACTS / f"web-figures{os.environ.get('PYTEST_XDIST_WORKER', '')}.txt"
    file.write_text("")

    def note(line: str) -> None:
        with file.open("a") as opened:
            opened.write(f"{line}\n")

    return note


@pytest.fixture(scope="session")
def site(cluster: OwnCluster) -> str:
    return cluster.url


@pytest.fixture(scope="session")
async def blank_page(browser: Browser, site: str) -> AsyncIterator[Page]:
    context = await browser.new_context(bypass_csp=True)
    page = await context.new_page()
    await page.goto(f"{site}/web/icon.svg")
    yield page
    await context.close()


@pytest.fixture
def video() -> str:
    return f"web-{next(_videos)}"


@pytest.fixture
async def between(site: str) -> AsyncIterator[Between]:
    proxy = Between(site)
    await proxy.start()
    yield proxy
    await proxy.stop()


@pytest.fixture
async def contexts(browser: Browser) -> AsyncIterator[OpenContext]:
    async with sessions(browser) as open_one:
        yield open_one


@contextlib.asynccontextmanager
async def sessions(browser: Browser) -> AsyncIterator[OpenContext]:
    """Browser sessions of their own, closed with the block."""
    opened: list[BrowserContext] = []

    async def open_one(*, width: int = 1280, height: int = 800, **options: Any) -> BrowserContext:
        context = await browser.new_context(
            viewport={"width": width, "height": height},
            **{"reduced_motion": "reduce", "locale": "en-GB", **options},
        )
        opened.append(context)
        return context

    yield open_one
    for context in opened:
        await context.close()


@pytest.fixture
async def open_page(contexts: OpenContext, site: str, video: str) -> OpenPage:
    """`await open_page("Ada")`: a viewer named Ada, whose stream is open; without a name: as the page names them.

    `hurried` are the scripts whose constants are made smaller, see `HURRIED`.
    """
    return pages_of(contexts, site, video)


def pages_of(contexts: OpenContext, site: str, video: str) -> OpenPage:
    """Return what opens the page of a video."""

    async def open_one(
        name: str | None, *, at: str = site, live: bool = True, hurried: tuple[str, ...] = (), **options: Any
    ) -> Viewer:
        context = await contexts(**options)
        for file in hurried:
            await hurry(context, file)
        if name is not None:
            guest = await make_guest(site, name)
            kept = json.dumps({**guest, "until": 2**53 - 1})
            await context.add_init_script(
                f"if (!sessionStorage['livecomments.guest']) sessionStorage['livecomments.guest'] = {json.dumps(kept)}"
            )
        viewer = Viewer(await context.new_page())
        await viewer.open(f"{at}/?video={video}")
        if live:
            await viewer.is_live()
        return viewer

    return open_one


@pytest.fixture
async def open_component(contexts: Any, site: str, video: str) -> OpenPage:
    """A page under a strict Content-Security-Policy of its own; `script` runs after the component is defined."""

    async def open_one(
        script: str = "",
        *,
        body: str | None = None,
        at: str = site,
        text_dir: str = "ltr",
        live: bool = True,
        token: str | None = None,
        hurried: tuple[str, ...] = (),
        **options: Any,
    ) -> Viewer:
        context = await contexts(**options)
        for file in hurried:
            await hurry(context, file)
        viewer = Viewer(await context.new_page())
        if body is None:
            body = f'<live-comments video="{video}"></live-comments>'
        if token is not None:
            script = f"document.querySelector('live-comments').token = () => {json.dumps(token)}; {script}"

        async def embed(route: Route) -> None:
            await route.fulfill(
                content_type="text/html; charset=utf-8",
                headers={"Content-Security-Policy": STRICT},
                body=COMPONENT_PAGE.format(dir=text_dir, body=body, script=script),
            )

        await context.route(f"{at}/somebody-elses-page", embed)
        await viewer.open(f"{at}/somebody-elses-page")
        if live:
            await viewer.is_live()
        return viewer

    return open_one


async def make_guest(site: str, name: str) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.post(f"{site}/guests", json={"name": name}) as answer:
        assert answer.status == 201, await answer.text()
        return dict(await answer.json())


async def hurry(context: BrowserContext, file: str) -> None:
    """Serve a script with the constants of `HURRIED` in it, unless this run is one that has the time."""
    if LONG:
        return

    async def shorten(route: Route) -> None:
        answer = await route.fetch()
        script = await answer.text()
        for name, value in HURRIED[file].items():
            script, count = re.subn(rf"(const {name} =) [\d_]+;", rf"\1 {value};", script)
            assert count == 1, name
        await route.fulfill(response=answer, body=script)

    await context.route(f"**/web/*/{file}", shorten)


@pytest.fixture
async def post(site: str, video: str) -> AsyncIterator[Post]:
    """`await post("hello", "again")` returns the ids; `name` says who speaks."""
    async with poster(site, video) as post_all:
        yield post_all


@contextlib.asynccontextmanager
async def poster(site: str, video: str) -> AsyncIterator[Post]:
    """Post to a video."""
    async with aiohttp.ClientSession() as session:

        async def post_all(*messages: str, name: str = "Someone else") -> list[str]:
            token = (await make_guest(site, name))["token"]
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
