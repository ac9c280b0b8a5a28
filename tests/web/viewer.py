"""Somebody at the page: what they do there, and what they see."""

from __future__ import annotations

from typing import Any

from playwright.async_api import ConsoleMessage, Error, Page, Request, expect

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
        for _ in range(OPEN_TRIES):
            self._dropped = False
            try:
                await self.page.goto(url)
            except Error as error:
                if NETWORK_CHANGED not in error.message:
                    raise
                continue
            if not self._dropped:
                return

    async def is_live(self, timeout_ms: float = 20_000) -> None:
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
