"""Somebody at the page: what they do there, and what they see."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import ConsoleMessage, Error, Page, Request, expect
from playwright.async_api import TimeoutError as PlaywrightTimeoutError

# Other tests make networks of their own on this machine, and Chromium starts all its connections anew whenever one
# comes or goes.
NETWORK_CHANGED = "ERR_NETWORK_CHANGED"
OPEN_TRIES = 3

SHOWN = "live-comments .list > li[data-id] .text"
ROWS = "live-comments .list > li"
LIVE = "live-comments .state.live"
FIELD = "live-comments textarea"
SCROLLER = "live-comments .scroller"
NEWER = "live-comments .newer"
OLDER = "live-comments .older"

# What scripts in the page say for the elements inside the component.
WITHIN = """
    const component = document.querySelector("live-comments");
    const root = component.shadowRoot;
    const list = root.querySelector(".list");
    const scroller = root.querySelector(".scroller");
    const texts = () => [...list.querySelectorAll("li[data-id] .text")].map((text) => text.textContent);
"""

# A headless Chromium hides no page. So one is made to say that it is hidden, and to draw nothing, as those that are.
HIDE = """() => {
    const drawings = [];
    const draw = window.requestAnimationFrame;
    let hidden = true;
    Object.defineProperty(document, "visibilityState", { get: () => (hidden ? "hidden" : "visible") });
    Object.defineProperty(document, "hidden", { get: () => hidden });
    window.requestAnimationFrame = (drawing) => (hidden ? drawings.push(drawing) : draw(drawing));
    document.dispatchEvent(new Event("visibilitychange"));
    window.beSeen = () => {
        hidden = false;
        document.dispatchEvent(new Event("visibilitychange"));
        for (const drawing of drawings.splice(0)) draw(drawing);
    };
}"""
QUIET_MS = 1_000
QUIET_TRIES = 5


class Viewer:
    """A viewer in a browser session of their own. `errors` is what the browser complained about."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        self._dropped = False
        page.on("console", self._said)
        page.on("requestfailed", self._failed)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    async def open(self, url: str) -> None:
        """Go to a page. What Chromium drops because the machine's network changes meanwhile is asked for again."""
        await self._load(lambda: self.page.goto(url))

    async def reload(self) -> None:
        """Load the page again, likewise."""
        await self._load(self.page.reload)

    async def _load(self, load: Callable[[], Awaitable[object]]) -> None:
        for _ in range(OPEN_TRIES):
            self._dropped = False
            try:
                await load()
            except Error as error:
                if NETWORK_CHANGED not in error.message:
                    raise
                continue
            if not self._dropped:
                return

    async def is_live(self, timeout_ms: float = 40_000) -> None:
        """Wait until the stream is open: the browser loads dozens of files before, beside whatever else runs."""
        await expect(self.page.locator(LIVE)).to_be_visible(timeout=timeout_ms)

    async def state(self, wanted: str, timeout_ms: float = 20_000) -> None:
        """Wait until the client's state is this one."""
        await self.until("component.state === given", wanted, timeout_ms)

    async def say(self, text: str) -> None:
        await self.page.fill(FIELD, text)
        await self.page.press(FIELD, "Enter")

    async def sees(self, *wanted: str, timeout_ms: float = 20_000) -> None:
        """Wait until the newest comments are these texts."""
        await self.until(
            "JSON.stringify(texts().slice(-given.length)) === JSON.stringify(given)", [*wanted], timeout_ms
        )

    async def texts(self) -> list[str]:
        return await self.page.locator(SHOWN).all_text_contents()

    async def rows(self) -> int:
        return await self.page.locator(ROWS).count()

    async def scroll_to(self, top: int) -> None:
        await self.page.locator(SCROLLER).evaluate("(scroller, top) => { scroller.scrollTop = top; }", top)

    async def run(self, script: str, given: Any = None) -> Any:
        """Return what an expression in the page is; `component`, `list` and so on are known to it."""
        return await self.page.evaluate(f"async (given) => {{ {WITHIN} return ({script}); }}", given)

    async def until(self, script: str, given: Any = None, timeout_ms: float = 20_000) -> None:
        """Wait until an expression in the page is true."""
        await self.page.wait_for_function(
            f"(given) => {{ {WITHIN} return ({script}); }}", arg=given, timeout=timeout_ms
        )

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and NETWORK_CHANGED not in message.text:
            self.errors.append(message.text)

    def _failed(self, request: Request) -> None:
        if NETWORK_CHANGED in (request.failure or ""):
            self._dropped = True


async def hide(page: Page) -> None:
    """Have nobody see the page, until `show`; once a page. What waits for its drawing waits."""
    await page.evaluate(HIDE)


async def show(page: Page) -> None:
    await page.evaluate("() => window.beSeen()")


async def until_quiet(page: Page, path: str) -> None:
    """Wait until the page has asked for nothing at `path` for a while."""
    for _ in range(QUIET_TRIES):
        try:
            await page.wait_for_event("request", lambda one: one.url.endswith(path), timeout=QUIET_MS)
        except PlaywrightTimeoutError:
            return
    pytest.fail(f"it goes on asking for {path}")
