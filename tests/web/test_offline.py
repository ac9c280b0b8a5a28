"""Half a minute without a network. A file of its own: while it waits, other tests have the machine."""

from __future__ import annotations

import asyncio

from playwright.async_api import expect

OFFLINE_S = 30
MISSED = 100


async def test_what_is_said_while_the_network_is_cut_is_all_there_once_and_in_order(open_page, between, post):
    ada = await open_page("Ada", at=between.url)
    await post("before")
    await ada.sees("before")
    await ada.page.context.set_offline(True)
    await between.cut()
    missed = [f"missed {number}" for number in range(MISSED)]
    await asyncio.gather(post(*missed), asyncio.sleep(OFFLINE_S))
    await ada.say("written while offline")
    await expect(ada.page.locator("live-comments .state")).to_have_text("reconnecting …")
    await ada.page.context.set_offline(False)
    await ada.sees("before", *missed, "written while offline", timeout_ms=40_000)
    await post("after")
    await ada.sees("before", *missed, "written while offline", "after")
    assert await ada.texts() == ["before", *missed, "written while offline", "after"]
