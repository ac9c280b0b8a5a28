"""Reading further up: older pages come in, nothing jumps, and new comments wait."""

from __future__ import annotations

import json

from playwright.async_api import Route, expect

ROWS_AT_MOST = 200


async def test_older_pages_come_in_on_scrolling_up_and_new_comments_wait(open_page, post):
    everything = [f"comment {number}" for number in range(330)]
    await post(*everything)
    ada = await open_page("Ada")
    seen = set()
    while everything[0] not in seen:
        first = (await ada.texts())[0]
        await ada.page.locator("#scroller").evaluate("(scroller) => { scroller.scrollTop = 0; }")
        await ada.page.wait_for_function(
            "(first) => document.querySelector('#list .text').textContent !== first || !note.hidden", arg=first
        )
        texts = await ada.texts()
        seen |= set(texts)
        start = everything.index(texts[0])
        assert texts == everything[start : start + len(texts)], "no hole, and in order"
        assert await ada.rows() <= ROWS_AT_MOST
    await expect(ada.page.locator("#note")).to_have_text("This is where it began.")

    top = await ada.texts()
    await post("new 1", "new 2", "new 3")
    await expect(ada.page.locator("#newer")).to_have_text("3 new")
    assert await ada.texts() == top
    await ada.page.click("#newer")
    await ada.sees(*everything[-20:], "new 1", "new 2", "new 3")
    await expect(ada.page.locator("#newer")).to_be_hidden()
    assert await ada.rows() <= ROWS_AT_MOST


async def test_what_somebody_reads_stays_where_it_is(open_page, post):
    await post(*(f"comment {number}" for number in range(120)))
    ada = await open_page("Ada")
    await ada.page.locator("#scroller").evaluate("(scroller) => { scroller.scrollTop = 700; }")
    await expect(ada.page.locator("#newer")).to_be_visible()
    place = "[...list.children].find((row) => row.getBoundingClientRect().top > scroller.getBoundingClientRect().top)"
    row = await ada.page.evaluate_handle(place)
    before = await row.evaluate("(row) => row.getBoundingClientRect().top")
    await post(*(f"new {number}" for number in range(5)))
    await expect(ada.page.locator("#newer")).to_have_text("5 new")
    assert abs(await row.evaluate("(row) => row.getBoundingClientRect().top") - before) < 1


async def test_a_busy_chat_keeps_few_rows(open_page, post):
    ada = await open_page("Ada")
    await post(*(f"comment {number}" for number in range(260)))
    await ada.sees("comment 258", "comment 259")
    assert await ada.rows() == ROWS_AT_MOST


async def test_a_page_that_is_told_to_poll_shows_what_comes_by_polling(open_page, post, site, video):
    ada = await open_page(None)
    asked = []

    async def tell_to_poll(route: Route) -> None:
        asked.append(route.request.url)
        told = json.dumps({"url": f"/comments/{video}/snapshot", "intervalMs": 200})
        await route.fulfill(
            content_type="text/event-stream",
            body=f'retry: 60000\n\nevent: poll\ndata: {told}\n\nevent: bye\ndata: {{"reason": "poll"}}\n\n',
        )

    await ada.page.route(f"{site}/comments/{video}/stream", tell_to_poll)
    await post("before")
    await ada.join("Ada")
    for text in ("one", "two", "three"):
        await post(text)
        await ada.sees(text)
    await ada.say("from here")
    await ada.sees("before", "one", "two", "three", "from here")
    assert await ada.rows() == 5
    assert len(asked) == 1
