"""Somebody at the page: what they do there, and what they see."""

from __future__ import annotations

from typing import Any

from playwright.async_api import ConsoleMessage, Page, expect

SHOWN = "#list > li[data-id] .text"
ROWS = "#list > li"
LIVE = "#state.live"


class Viewer:
    """A viewer in a browser session of their own. `errors` is what the browser complained about."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    async def join(self, name: str) -> None:
        await self.page.fill("#name", name)
        await self.page.click("#enter")
        await self.is_live()

    async def is_live(self) -> None:
        await expect(self.page.locator(LIVE)).to_be_visible(timeout=20_000)

    async def say(self, text: str) -> None:
        await self.page.fill("#message", text)
        await self.page.press("#message", "Enter")

    async def sees(self, *texts: str, timeout_ms: float = 20_000) -> None:
        """Wait until the newest comments are these texts."""
        await self.page.wait_for_function(
            """([selector, wanted]) => {
                const seen = [...document.querySelectorAll(selector)].slice(-wanted.length);
                return JSON.stringify(seen.map((text) => text.textContent)) === JSON.stringify(wanted);
            }""",
            arg=[SHOWN, list(texts)],
            timeout=timeout_ms,
        )

    async def texts(self) -> list[str]:
        return await self.page.locator(SHOWN).all_text_contents()

    async def rows(self) -> int:
        return await self.page.locator(ROWS).count()

    async def run(self, script: str, argument: Any = None) -> Any:
        """Run a piece of JavaScript in the page."""
        return await self.page.evaluate(script, argument)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(message.text)
