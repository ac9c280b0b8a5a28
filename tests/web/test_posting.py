"""Writing a comment: from the field to the list, shown once all the way, also when the service says no."""

from __future__ import annotations

import asyncio
import json

from playwright.async_api import Request, Route, expect

from tests.web.viewer import FIELD, Viewer


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


async def test_a_refused_comment_keeps_its_text_to_be_written_anew(open_page, site, video):
    ada = await open_page("Ada")
    await ada.page.route(f"{site}/comments/{video}", lambda route: route.fulfill(**problem(400, "message_characters")))
    await ada.say("something long that nobody wants to type twice")
    await ada.page.get_by_role("button", name="Edit").click()
    field = ada.page.locator(FIELD)
    await expect(field).to_be_focused()
    await expect(field).to_have_value("something long that nobody wants to type twice")
    await ada.page.unroute(f"{site}/comments/{video}")
    await field.press("Enter")
    await ada.sees("something long that nobody wants to type twice")
    assert await ada.rows() == 1


async def test_a_comment_shows_at_once_as_pending(open_page, site, video):
    ada = await open_page("Ada")
    going = asyncio.Event()

    async def hold(route: Route) -> None:
        await going.wait()
        await route.continue_()

    await ada.page.route(f"{site}/comments/{video}", hold)
    await ada.say("on its way")
    await expect(ada.page.locator(".pending.sending .text")).to_have_text("on its way")
    going.set()
    await ada.sees("on its way")
    await expect(ada.page.locator(".pending")).to_have_count(0)
    assert await ada.rows() == 1


async def give_cookie(viewer: Viewer, site: str, token: str) -> None:
    """Have the viewer's token in a cookie that no script can read."""
    await viewer.page.context.add_cookies(
        [{"name": "livecomments_token", "value": token, "url": site, "httpOnly": True}]
    )
    await viewer.reload()
    await viewer.is_live()


async def test_with_the_cookie_the_service_says_who_one_is(open_component, cluster, site):
    ada = await open_component(live=False)
    await give_cookie(ada, site, cluster.token("ada"))
    assert await ada.run("component.client.userId") == "ada"
    await ada.say("mine")
    await ada.sees("mine")
    await expect(ada.page.locator(".comment .actions")).to_have_count(1)


async def test_where_nobody_says_who_one_is_still_nothing_is_shown_twice(open_component, cluster, site, video):
    """The user id is learned from the first comment of one's own."""
    ada = await open_component(live=False)
    await ada.page.route(f"{site}/videos/{video}/me", lambda route: route.fulfill(**problem(404, "not_found")))
    await give_cookie(ada, site, cluster.token("ada"))
    assert await ada.run("component.client.userId") is None
    await ada.run(WATCH_FOR_DOUBLES)
    for text in ("one", "two", "three"):
        await ada.say(text)
        await ada.sees(text)
    assert await ada.run("component.client.userId") == "ada"
    assert await ada.run("window.most") == 1
    assert await ada.texts() == ["one", "two", "three"]
    await expect(ada.page.locator(".comment .actions")).to_have_count(3)


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


async def test_it_says_how_many_characters_are_left(open_page):
    ada = await open_page("Ada")
    for text, left in (("x" * 420, "80"), ("x" * 500, "0"), ("😀" * 501, "-1"), ("short", "")):
        await ada.page.fill(FIELD, text)
        await expect(ada.page.locator("live-comments .left")).to_have_text(left)
        await expect(ada.page.locator("live-comments .send")).to_be_enabled(enabled=not left.startswith("-"))


async def test_enter_while_composing_picks_a_word_and_does_not_send(open_page):
    """With an input method as Chromium drives one: what it composes is not sent before it is done."""
    ada = await open_page("Ada")
    await ada.page.focus(FIELD)
    keyboard = await ada.page.context.new_cdp_session(ada.page)
    for written in ("に", "にh", "にほ", "にほん"):
        await keyboard.send(
            "Input.imeSetComposition", {"text": written, "selectionStart": len(written), "selectionEnd": len(written)}
        )
    enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
    await keyboard.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **enter})
    await keyboard.send("Input.dispatchKeyEvent", {"type": "keyUp", **enter})
    await keyboard.send("Input.insertText", {"text": "日本"})
    field = ada.page.locator(FIELD)
    await expect(field).to_have_value("日本")
    assert await ada.texts() == []
    # As Safari says it: the key that ended the composition comes after its end, with a code of its own.
    await field.dispatch_event("keydown", {"key": "Enter", "keyCode": 229, "bubbles": True})
    await field.dispatch_event("keydown", {"key": "Enter", "isComposing": True, "bubbles": True})
    await expect(field).to_have_value("日本")
    await field.press("Shift+Enter")
    await field.press_sequentially("語")
    await field.press("Enter")
    await ada.sees("日本\n語")
