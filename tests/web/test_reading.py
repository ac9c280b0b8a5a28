"""Reading further up: older pages come in, nothing jumps, and new comments wait."""

from __future__ import annotations

import asyncio
import re

from playwright.async_api import Route, expect

from tests.web.viewer import NEWER, OLDER, WITHIN

ROWS_AT_MOST = 200


async def test_older_pages_come_in_on_scrolling_up_and_new_comments_wait(open_page, post):
    everything = [f"comment {number}" for number in range(330)]
    await post(*everything)
    ada = await open_page("Ada")
    seen = set()
    while everything[0] not in seen:
        first = (await ada.texts())[0]
        await ada.scroll_to(0)
        await ada.until("texts()[0] !== given || !root.querySelector('.note').hidden", first)
        texts = await ada.texts()
        seen |= set(texts)
        start = everything.index(texts[0])
        assert texts == everything[start : start + len(texts)], "no hole, and in order"
        assert await ada.rows() <= ROWS_AT_MOST
    await expect(ada.page.locator("live-comments .note")).to_have_text("This is where it began.")

    top = await ada.texts()
    await post("new 1", "new 2", "new 3")
    await expect(ada.page.locator(NEWER)).to_have_text("3 new comments")
    assert await ada.texts() == top
    await ada.page.click(NEWER)
    await ada.sees(*everything[-20:], "new 1", "new 2", "new 3")
    await expect(ada.page.locator(NEWER)).to_be_hidden()
    assert await ada.rows() <= ROWS_AT_MOST


async def test_what_is_older_is_asked_for_again_while_somebody_waits_for_it(open_page, post, video):
    await post(*(f"comment {number}" for number in range(60)))
    ada = await open_page("Ada")
    away = {"status": 503, "headers": {"Retry-After": "1"}, "json": {"code": "unavailable", "detail": "Not now."}}
    older = re.compile(f"/comments/{video}.*cursor=")
    async with ada.page.expect_response(older) as refused:
        await ada.page.route(older, lambda route: route.fulfill(**away), times=1)
        await ada.scroll_to(0)
    assert (await refused.value).status == 503
    await expect(ada.page.locator(OLDER)).to_have_text("Older comments are on their way …")
    await expect(ada.page.locator(OLDER)).to_be_visible()
    await ada.until("texts()[0] === 'comment 0'")
    await expect(ada.page.locator(OLDER)).to_be_hidden()


async def test_what_is_removed_while_its_page_is_on_its_way_is_never_shown(open_page, between, post, video):
    rude, *_, last = await post("something rude", *(f"comment {number}" for number in range(60)))
    ada = await open_page("Ada", at=between.url)
    read, going = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        page = await route.fetch()
        read.set()
        await going.wait()
        await route.fulfill(response=page)

    await ada.page.route(re.compile(f"/comments/{video}.*cursor="), hold)
    await ada.scroll_to(0)
    await read.wait()
    await between.say(f'id: {int(last) + 1}\nevent: delete\ndata: {{"commentId": "{rude}"}}\n\n')
    (newest,) = await post("said afterwards")
    await ada.until("component.client.timeline.newest >= Number(given)", newest)
    going.set()
    await ada.until("texts()[1] === 'comment 0'")
    assert (await ada.texts())[0] == "This comment was removed."


async def test_what_somebody_reads_stays_where_it_is(open_page, post):
    await post(*(f"comment {number}" for number in range(120)))
    ada = await open_page("Ada")
    await ada.scroll_to(700)
    await expect(ada.page.locator(NEWER)).to_be_visible()
    place = "[...list.children].find((row) => row.getBoundingClientRect().top > scroller.getBoundingClientRect().top)"
    row = await ada.page.evaluate_handle(f"() => {{ {WITHIN} return {place}; }}")
    before = await row.evaluate("(row) => row.getBoundingClientRect().top")
    await post(*(f"new {number}" for number in range(5)))
    await expect(ada.page.locator(NEWER)).to_have_text("5 new comments")
    assert abs(await row.evaluate("(row) => row.getBoundingClientRect().top") - before) < 1


async def test_the_way_back_leads_to_the_newest_also_where_nothing_has_come_meanwhile(open_page, post):
    await post(*(f"comment {number}" for number in range(40)))
    ada = await open_page("Ada")
    await ada.sees("comment 39")
    await ada.scroll_to(0)
    await expect(ada.page.locator(NEWER)).to_have_text("Newest comments")
    await ada.page.click(NEWER)
    await ada.until("scroller.scrollHeight - scroller.clientHeight - scroller.scrollTop <= 1")
    await expect(ada.page.locator(NEWER)).to_be_hidden()


async def test_a_busy_chat_keeps_few_rows(open_page, post):
    ada = await open_page("Ada")
    await post(*(f"comment {number}" for number in range(260)))
    await ada.sees("comment 258", "comment 259")
    assert 100 <= await ada.rows() <= ROWS_AT_MOST


async def test_a_room_that_overflows_opens_at_its_end(open_page, post):
    await post(*(f"comment {number}" for number in range(21)))  # more than fit, and the note that this is the beginning
    ada = await open_page("Ada")
    await ada.sees("comment 20")
    await expect(ada.page.locator("live-comments .note")).to_have_count(1)
    await ada.until("scroller.scrollHeight > scroller.clientHeight && !root.querySelector('.note').hidden")
    await ada.until("scroller.scrollHeight - scroller.clientHeight - scroller.scrollTop <= 1")
