"""Taking comments back, shutting people out, and what a host sets for a video: as viewers and moderators see it."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest
from playwright.async_api import expect

from tests.web.test_everyone import focused, tab_to, violations
from tests.web.test_posting import give_cookie
from tests.web.viewer import FIELD, Viewer

GONE = "This comment was removed."
HINT = "live-comments .hint"
TRIES = 5


@pytest.fixture
async def moderator(open_component, cluster, video):
    """A moderator of the video, at a page with the component."""
    token = cluster.token("mo", name="Mo", role="moderator", videos=[video])
    return await open_component(token=token, bypass_csp=True)


async def choose(viewer: Viewer, text: str, item: str) -> None:
    """Open the menu of the comment that says `text`, and choose something."""
    row = viewer.page.locator("live-comments .comment", has_text=text)
    await row.hover()
    await row.locator(".actions").click()
    await viewer.page.get_by_role("menuitem", name=item).click()


async def test_ones_own_comment_can_be_taken_back_and_those_of_others_cannot(open_page, post):
    ada, ben = await open_page("Ada"), await open_page("Ben")
    await ada.say("oh, that was wrong")
    await ben.sees("oh, that was wrong")
    await ben.say("what was?")
    await ada.sees("oh, that was wrong", "what was?")
    await expect(ada.page.locator(".comment .actions")).to_have_count(1)
    await expect(ben.page.locator(".comment", has_text="wrong").locator(".actions")).to_have_count(0)
    await choose(ada, "that was wrong", "Delete")
    await ada.sees(GONE, "what was?")
    await ben.sees(GONE, "what was?")
    await ben.reload()
    await ben.sees(GONE, "what was?")


async def test_a_moderator_removes_what_others_say(open_page, moderator):
    ada = await open_page("Ada")
    await ada.say("something rude")
    await moderator.sees("something rude")
    await choose(moderator, "rude", "Remove this comment")
    await moderator.sees(GONE)
    await ada.sees(GONE)


async def test_a_moderator_whose_token_is_in_a_cookie_has_the_menu(open_component, cluster, post, site, video):
    await post("something rude")
    mo = await open_component(live=False)
    await give_cookie(mo, site, cluster.token("mo", role="moderator", videos=[video]))
    await mo.sees("something rude")
    await choose(mo, "rude", "Remove this comment")
    await mo.sees(GONE)


async def test_what_the_service_could_not_do_at_once_is_done_again(moderator, post, site, video):
    (number,) = await post("something rude")
    await moderator.sees("something rude")
    problem = {"code": "unavailable", "detail": "Not now."}
    away = {"status": 503, "headers": {"Retry-After": "1"}, "json": problem}
    await moderator.page.route(f"{site}/comments/{video}/{number}", lambda route: route.fulfill(**away), times=1)
    await choose(moderator, "rude", "Remove this comment")
    await moderator.sees(GONE)


async def test_somebody_who_is_banned_is_told_so_and_all_that_they_said_is_gone(open_page, moderator, post):
    ada = await open_page("Ada")
    await ada.say("spam 1")
    await ada.say("spam 2")
    await moderator.sees("spam 1", "spam 2")
    await post("something good")
    await moderator.sees("spam 1", "spam 2", "something good")
    await choose(moderator, "spam 1", "Ban Ada for good, and remove all their comments")
    await moderator.sees(GONE, GONE, "something good")
    await expect(moderator.page.locator(".told")).to_have_text("Ada is banned.")
    await expect(ada.page.locator("live-comments .state")).to_have_text(
        "You cannot take part here any more.", timeout=20_000
    )
    assert await ada.run("root.querySelector('textarea').readOnly")


async def test_what_a_moderator_may_not_do_is_told(moderator, post, site, video):
    await post("hello")
    await moderator.sees("hello")
    problem = {"code": "not_allowed", "detail": "That takes a host of this video."}
    await moderator.page.route(f"{site}/videos/{video}/bans/*", lambda route: route.fulfill(status=403, json=problem))
    await choose(moderator, "hello", "Ban Someone else for 10 minutes")
    await expect(moderator.page.locator(".told")).to_have_text("That did not work. That takes a host of this video.")


async def test_the_menu_works_by_keyboard_and_is_understood(moderator, post):
    await post("one", "two", "three")
    await moderator.sees("one", "two", "three")
    keys = moderator.page.keyboard
    await tab_to(moderator.page, "actions")
    here = "root.activeElement.closest('.comment').querySelector('.text').textContent"
    assert await moderator.run(here) == "three", "one gets to the newest, and does not have to pass all the others"
    await keys.press("ArrowUp")
    assert await moderator.run(here) == "two"
    label = await moderator.run("root.activeElement.getAttribute('aria-label')")
    assert label == "Comment by Someone else: what to do"
    await keys.press("Enter")
    await expect(moderator.page.get_by_role("menuitem", name="Remove this comment")).to_be_focused()
    assert await violations(moderator.page, within="live-comments") == []
    await keys.press("ArrowDown")
    await expect(moderator.page.get_by_role("menuitem", name="Ban Someone else for 10 minutes")).to_be_focused()
    await keys.press("Escape")
    # It closes when the browser has decided that nobody else wanted the key; then one is where one was.
    await expect(moderator.page.locator(".comment", has_text="two").locator(".actions")).to_be_focused()
    await keys.press("Enter")
    await keys.press("Enter")
    await moderator.sees("one", GONE, "three")
    assert await focused(moderator.page) == "scroller", "the focus is not lost with the button"
    await keys.press("Tab")
    assert await focused(moderator.page) == "actions"
    await keys.press("Tab")
    assert await focused(moderator.page) == "textarea"


async def set_state(site: str, video: str, token: str, **state: object) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        for _ in range(TRIES):
            async with session.put(f"{site}/videos/{video}", json=state) as answer:
                if answer.status in (200, 202):
                    return
                assert answer.status == 503, await answer.text()
                await asyncio.sleep(int(answer.headers["Retry-After"]))
    pytest.fail("the service did not take it")


async def test_what_the_host_sets_is_shown_by_the_field_and_the_text_stays(open_page, moderator, cluster, site, video):
    host = cluster.token("hana", role="host", videos=[video])
    ada = await open_page("Ada", bypass_csp=True)
    hint, field = ada.page.locator(HINT), ada.page.locator(FIELD)
    await field.fill("half a thou")
    await set_state(site, video, host, paused=True)
    await expect(hint).to_have_text("Comments are paused.")
    await expect(ada.page.locator(".send")).to_be_disabled()
    await field.press("Enter")
    await expect(field).to_have_value("half a thou")
    assert await violations(ada.page) == []
    await expect(moderator.page.locator(HINT)).to_be_hidden(), "it does not hold for moderators"
    await set_state(site, video, host, paused=False)
    await expect(hint).to_be_hidden()
    await set_state(site, video, host, membersOnly=True)
    await expect(hint).to_have_text("Only members can comment here.")
    await ada.reload()
    await expect(hint).to_have_text("Only members can comment here.")
    await set_state(site, video, host, membersOnly=False, ended=True)
    await expect(hint).to_have_text("This is over: it takes no more comments.")
    await expect(moderator.page.locator(HINT)).to_have_text("This is over: it takes no more comments.")


async def test_in_slow_mode_the_wait_is_counted_down(open_page, cluster, site, video):
    ada = await open_page("Ada")
    await set_state(site, video, cluster.token("hana", role="host", videos=[video]), slowModeS=3)
    hint = ada.page.locator(HINT)
    await expect(hint).to_have_text("Slow mode: one comment in 3 seconds")
    await ada.say("first")
    await expect(hint).to_have_text("Slow mode: your next comment in 2 seconds")
    await ada.page.fill(FIELD, "second")
    await expect(ada.page.locator(".send")).to_be_disabled()
    await expect(hint).to_have_text("Slow mode: one comment in 3 seconds")
    await ada.page.press(FIELD, "Enter")
    await ada.sees("first", "second")


async def test_all_that_somebody_said_goes_at_once(open_page, between, post):
    ada = await open_page("Ada", at=between.url)
    await post("spam 1", name="Spammer")
    await post("fine", name="Nora")
    await post("spam 2", name="Spammer")
    await ada.sees("spam 1", "fine", "spam 2")
    spammers = await ada.run(
        "component.client.comments.filter((one) => one.name === 'Spammer').map((one) => one.userId)"
    )
    for number, user in enumerate(spammers):
        said = json.dumps({"userId": user})
        await between.say(f"id: {2**52 + number}\nevent: delete\ndata: {said}\n\n")
    await ada.sees(GONE, "fine", GONE)


async def test_who_polls_does_not_go_on_seeing_what_was_removed(open_page, moderator, between, post, video):
    told = json.dumps({"url": f"/comments/{video}/snapshot", "intervalMs": 200})
    between.answer_next_stream(f"event: poll\ndata: {told}\n\nretry: 60000\n\nevent: bye\ndata: {{}}\n\n")
    await post("one", "something rude", "three")
    ada = await open_page("Ada", at=between.url)
    await ada.sees("one", "something rude", "three")
    await ada.until("component.client.polling")
    await choose(moderator, "rude", "Remove this comment")
    await ada.sees("one", GONE, "three")


RULES = """async ([rules, viewer, postedMs, nowMs]) => {
    const { changed, standing, USUAL } = await import("/web/live-comments/rules.js");
    return standing(changed(USUAL, rules), viewer, postedMs, nowMs);
}"""
VIEWER, MEMBER, STAFF = [{"moderates": staff, "member": member} for staff, member in ((0, False), (0, True), (1, True))]
UNKNOWN = {"moderates": 0, "member": None}


@pytest.mark.parametrize(
    ("rules", "viewer", "expected"),
    [
        ({}, VIEWER, (None, True, 0)),
        ({"slowModeS": 30, "colour": "red", "paused": "yes"}, VIEWER, ("slowMode", True, 10)),
        ({"slowModeS": 30}, STAFF, (None, True, 0)),
        ({"slowModeS": 5}, VIEWER, ("slowMode", True, 0)),
        ({"membersOnly": True}, VIEWER, ("membersOnly", False, 0)),
        ({"membersOnly": True}, MEMBER, (None, True, 0)),
        ({"membersOnly": True}, UNKNOWN, ("membersOnly", True, 0)),
        ({"paused": True}, MEMBER, ("paused", False, 0)),
        ({"paused": True, "slowModeS": 30}, STAFF, (None, True, 0)),
        ({"ended": True}, STAFF, ("ended", False, 0)),
    ],
)
async def test_what_the_rules_mean_for_one_viewer(blank_page, rules, viewer, expected):
    """Twenty seconds after the last comment."""
    found = await blank_page.evaluate(RULES, [rules, viewer, 100_000, 120_000])
    assert (found["why"], found["mayWrite"], found["waitS"]) == expected
