"""What viewers see of each other."""

from __future__ import annotations

import json
import re
import time
from statistics import median

import pytest
from playwright.async_api import expect

WARM_UP = 4
COMMENTS = 20
TRIES = 3

NOTE_TIMES = """(() => {
    const now = () => performance.timeOrigin + performance.now();
    window.said = [];
    window.seen = {};
    root.addEventListener("keydown", (event) => { if (event.key === "Enter") window.said.push(now()); }, true);
    new MutationObserver(() => { for (const text of texts().slice(-5)) window.seen[text] ??= now(); })
        .observe(list, { childList: true });
})()"""

HOSTILE = [
    "<script>window.harmed = 1</script>",
    '<img src="x" onerror="window.harmed = 1">',
    "</p></li></ol><h1>not a heading</h1>",
    "{{7*7}} ${7*7} %0A &lt;b&gt; &amp;",
    "\u202egnp.exe\u202c and back",
    "Z" + "\u0351\u0322\u0334\u0489" * 2 + " and on",  # as many marks as may be
    "w" * 500,
    "javascript:alert(1)",
    "\u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd 你好 👩\u200d👩\u200d👧",
]


async def test_two_viewers_see_each_others_comments(open_page):
    ada, ben = await open_page("Ada"), await open_page("Ben")
    await ada.say("hello from Ada")
    await ben.sees("hello from Ada")
    await ben.say("hello from Ben")
    await ada.sees("hello from Ada", "hello from Ben")
    await expect(ada.page.locator(".comment .name")).to_have_text(["Ada", "Ben"])
    assert ada.errors == ben.errors == []


async def test_a_reload_shows_what_was_said(open_page):
    ada = await open_page("Ada")
    for text in ("one", "two", "three"):
        await ada.say(text)
    await ada.sees("one", "two", "three")
    await ada.reload()
    await ada.is_live()
    await ada.sees("one", "two", "three")
    await expect(ada.page.locator("#name")).to_have_text("Ada")


async def test_a_late_viewer_sees_what_came_before(open_page, post):
    await post(*(f"comment {number}" for number in range(60)))
    late = await open_page("Late")
    assert await late.texts() == [f"comment {number}" for number in range(10, 60)]


async def test_hostile_texts_are_shown_as_text(open_page):
    ada, ben = await open_page("Ada"), await open_page("Ben")
    for text in HOSTILE:
        await ada.say(text)
        await ben.sees(text)
    assert await ben.texts() == HOSTILE
    await ben.reload()
    await ben.is_live()
    assert await ben.texts() == HOSTILE
    for viewer in (ada, ben):
        assert await viewer.run("window.harmed") is None
        assert await viewer.run("list.querySelectorAll('script, img, h1').length") == 0
        assert await viewer.run("document.documentElement.scrollWidth <= innerWidth"), "something sticks out"
        assert viewer.errors == []


async def test_a_name_is_shown_as_text_too(open_page):
    ada = await open_page("<b>Ada</b>")
    await ada.say("hello")
    await ada.sees("hello")
    await expect(ada.page.locator(".comment .name")).to_have_text("<b>Ada</b>")


async def test_two_browsers_see_each_others_comments_within_200_ms(open_page, figures):
    """From Enter in one window to the row in the other, by the one clock that both have."""
    ada, ben = await open_page("Ada"), await open_page("Ben")
    for viewer in (ada, ben):
        await viewer.run(NOTE_TIMES)

    async def takes_ms(number: int) -> float:
        speaker, listener = (ada, ben) if number % 2 else (ben, ada)
        text = f"comment {number}"
        await speaker.say(text)
        await listener.sees(text)
        said = await speaker.run("window.said.at(-1)")
        return await listener.run("window.seen[given]", text) - said

    for number in range(WARM_UP):
        await takes_ms(number)
    for attempt in range(TRIES):  # others may have the machine just then
        first = WARM_UP + attempt * COMMENTS
        took_ms = sorted([await takes_ms(number) for number in range(first, first + COMMENTS)])
        figures(f"Enter to the other window: p50 {median(took_ms):.0f} ms, p95 {took_ms[int(COMMENTS * 0.95)]:.0f} ms")
        if took_ms[int(COMMENTS * 0.9)] < 200:
            return
    pytest.fail("more than one in ten took longer than 200 ms")


async def test_comments_stay_inside_the_page(open_page, post):
    await post("w" * 500, "a\n" * 200, name="n" * 40)
    viewer = await open_page("Viewer")
    for width in (1280, 320):
        await viewer.page.set_viewport_size({"width": width, "height": 800})
        assert await viewer.run("document.documentElement.scrollWidth <= innerWidth")
        assert await viewer.run("list.querySelector('.text').getBoundingClientRect().height < 400")


async def test_a_comment_of_another_day_says_which(open_page, between):
    ada = await open_page("Ada", at=between.url)
    now_ms = int(time.time() * 1000)
    for number, ago_days in ((1, 3), (2, 0)):
        said = {"commentId": str(2**52 + number), "userId": "nora", "message": "hello"}
        said["timestamp"] = now_ms - ago_days * 86_400_000
        await between.say(f"id: {said['commentId']}\ndata: {json.dumps(said)}\n\n")
    times = ada.page.locator("live-comments .list time")
    await expect(times).to_have_text([re.compile(r"^\d+ \w+, \d\d?:\d\d$"), re.compile(r"^\d\d?:\d\d$")])
