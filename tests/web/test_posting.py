"""Writing a comment: from the field to the list, shown once all the way, also when the service says no."""

from __future__ import annotations

import json

import pytest
from playwright.async_api import Request, Route, expect

from tests.web.viewer import FIELD


def problem(status: int, code: str, **headers: str) -> dict:
    return {
        "status": status,
        "headers": {"Content-Type": "application/problem+json", **headers},
        "body": json.dumps({"code": code, "detail": f"refused with {code}"}),
    }


WATCH_FOR_DOUBLES = """(() => {
    window.most = 0;
    const count = () => {
        const all = [...list.querySelectorAll(".text")].map((text) => text.textContent);
        for (const text of all) window.most = Math.max(window.most, all.filter((other) => other === text).length);
    };
    new MutationObserver(count).observe(list, {childList: true, subtree: true});
})()"""


async def test_ones_own_comment_is_never_shown_twice(open_page):
    ada = await open_page("Ada")
    await ada.run(WATCH_FOR_DOUBLES)
    texts = [f"comment {number}" for number in range(12)]
    for text in texts:
        await ada.say(text)
        await ada.sees(text)
    assert await ada.run("window.most") == 1
    assert await ada.rows() == len(texts)


async def test_the_same_text_twice_is_two_comments(open_page):
    ada = await open_page("Ada")
    await ada.say("lol")
    await ada.say("lol")
    await ada.sees("lol", "lol")
    assert await ada.rows() == 2


async def test_a_comment_that_was_too_fast_is_sent_again_by_itself(open_page, site, video):
    ada = await open_page("Ada")
    keys = []

    async def refuse_once(route: Route, request: Request) -> None:
        keys.append(request.headers["idempotency-key"])
        if len(keys) == 1:
            await route.fulfill(**problem(429, "too_many", **{"Retry-After": "1"}))
        else:
            await route.continue_()

    await ada.page.route(f"{site}/comments/{video}", refuse_once)
    await ada.say("quick")
    await expect(ada.page.locator(".pending.waiting .text")).to_have_text("quick")
    await ada.sees("quick")
    assert await ada.rows() == 1
    assert len(set(keys)) == 1
    assert len(keys) == 2


async def test_an_answer_that_got_lost_does_not_double_the_comment(open_page, site, video):
    """The comment is stored, its answer is lost, and the stream brings it meanwhile: same key, same comment."""
    ada = await open_page("Ada")
    lost = []

    async def lose_the_first_answer(route: Route) -> None:
        if lost:
            await route.continue_()
        else:
            await route.fetch()
            lost.append(1)
            await route.abort("connectionreset")

    await ada.page.route(f"{site}/comments/{video}", lose_the_first_answer)
    await ada.say("once")
    await ada.sees("once")
    await ada.say("and then another")
    await ada.sees("once", "and then another")
    assert await ada.rows() == 2


async def test_a_refused_comment_says_why_and_can_be_discarded(open_page, site, video):
    ada = await open_page("Ada")
    await ada.page.route(f"{site}/comments/{video}", lambda route: route.fulfill(**problem(400, "message_characters")))
    await ada.say("something")
    await expect(ada.page.locator(".failed .why span")).to_have_text("refused with message_characters")
    await ada.page.get_by_role("button", name="Discard").click()
    await expect(ada.page.locator("live-comments .list > li")).to_have_count(0)


async def test_a_service_that_is_away_gets_the_comment_when_it_is_back(open_page, site, video):
    ada = await open_page("Ada")
    await ada.page.route(
        f"{site}/comments/{video}", lambda route: route.fulfill(**problem(503, "not_stored", **{"Retry-After": "1"}))
    )
    await ada.say("first")
    await ada.say("second")
    await expect(ada.page.locator(".pending.waiting .text")).to_have_text("first")
    await ada.page.unroute(f"{site}/comments/{video}")
    await ada.sees("first", "second")


@pytest.mark.parametrize(("text", "left"), [("x" * 420, "80"), ("x" * 500, "0"), ("😀" * 501, "-1"), ("short", "")])
async def test_it_says_how_many_characters_are_left(open_page, text, left):
    ada = await open_page("Ada")
    await ada.page.fill(FIELD, text)
    await expect(ada.page.locator("live-comments .left")).to_have_text(left)
    await expect(ada.page.locator("live-comments .send")).to_be_enabled(enabled=not left.startswith("-"))


async def test_enter_while_composing_picks_a_word_and_does_not_send(open_page):
    ada = await open_page("Ada")
    await ada.page.fill(FIELD, "にほん")
    field = ada.page.locator(FIELD)
    await field.dispatch_event("keydown", {"key": "Enter", "isComposing": True, "bubbles": True})
    await field.dispatch_event("keydown", {"key": "Enter", "keyCode": 229, "bubbles": True})
    await expect(field).to_have_value("にほん")
    await field.press("Shift+Enter")
    await field.press_sequentially("日本")
    await field.press("Enter")
    await ada.sees("にほん\n日本")


async def test_it_works_by_keyboard_alone(open_page):
    ada = await open_page(None)
    await expect(ada.page.locator("#name")).to_be_focused()
    await ada.page.keyboard.type("Ada")
    await ada.page.keyboard.press("Enter")
    await ada.is_live()
    await expect(ada.page.locator(FIELD)).to_be_focused()
    await ada.page.keyboard.type("typed")
    await ada.page.keyboard.press("Enter")
    await ada.sees("typed")
    await ada.page.keyboard.press("Shift+Tab")
    assert await ada.run("document.activeElement.id") == "scroller"
