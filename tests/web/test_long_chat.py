"""Two hundred comments a second for a minute. A file of its own: beside it, other tests use the rest of the machine.

The first of them are posted. The others are slipped into the stream, so that the minute is the page's alone.
"""

from __future__ import annotations

import asyncio
import time

import aiohttp
import pytest

from tests.web.conftest import LONG, make_guest
from tests.web.lively import Lively

ROWS_AT_MOST = 200
SECONDS = 60
POSTED_S = 30 if LONG else 5
PER_S = 200
POSTERS = 24


@pytest.mark.timeout(300)
async def test_two_hundred_comments_a_second_for_a_minute_leave_nodes_and_memory_bounded(
    open_page, between, site, video, figures
):
    ada = await open_page("Ada", at=between.url)
    profile = await ada.page.context.new_cdp_session(ada.page)
    await profile.send("HeapProfiler.enable")
    posted = await post_at(site, video, PER_S, POSTED_S)
    await ada.until("texts().at(-1) === given", posted[-1])
    assert await ada.texts() == posted[-await ada.rows() :]
    lively = Lively(between)
    await lively.say(per_s=PER_S, seconds=SECONDS / 2 - POSTED_S)
    half = await heap_bytes(profile)
    await lively.say(per_s=PER_S, seconds=SECONDS / 2)
    await ada.until("texts().at(-1).startsWith(given)", f"comment {lively.said} ")
    assert await ada.rows() <= ROWS_AT_MOST
    assert await ada.run("component.client.comments.length") <= 1000
    assert await ada.run("root.querySelectorAll('*').length") < 12 * ROWS_AT_MOST
    grown = await heap_bytes(profile) - half
    figures(f"heap after {SECONDS / 2} s: {half / 2**20:.1f} MiB, and after as long again {grown / 2**20:+.1f} MiB")
    assert grown < 4 * 2**20
    numbers = [int(text.split(" ", 2)[1]) for text in await ada.texts()]
    assert numbers == [*range(lively.said - len(numbers) + 1, lively.said + 1)]


async def heap_bytes(profile) -> int:
    await profile.send("HeapProfiler.collectGarbage")
    return (await profile.send("Runtime.getHeapUsage"))["usedSize"]


async def post_at(site: str, video: str, per_s: int, seconds: float) -> list[str]:
    """Post as many comments a second, each by the next of some users; return the texts in the order of their ids."""
    tokens = [(await make_guest(site, f"Poster {number}"))["token"] for number in range(POSTERS)]
    ids: dict[int, str] = {}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=POSTERS)) as session:

        async def post(number: int) -> None:
            text = f"{time.monotonic_ns()} number {number}"
            headers = {"Authorization": f"Bearer {tokens[number % POSTERS]}"}
            async with session.post(f"{site}/comments/{video}", json={"message": text}, headers=headers) as answer:
                ids[int((await answer.json())["commentId"])] = text

        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.TaskGroup() as group:
            for number in range(int(per_s * seconds)):
                await asyncio.sleep(max(0, began + number / per_s - loop.time()))
                group.create_task(post(number))
    return [text for _, text in sorted(ids.items())]
