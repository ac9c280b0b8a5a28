"""A page that is loaded again: what was written and not sent goes out all the same, once, and by nobody else."""

from __future__ import annotations

import asyncio
import json

import pytest
from playwright.async_api import Request, Route, expect

from tests.web.test_posting import problem
from tests.web.test_unsent import AWAY, PENDING
from tests.web.viewer import FIELD, Viewer

WHY = "live-comments .failed .why span"
LEFT_OVER = "It was on its way when the page was left, and may be there already."


@pytest.fixture
async def ada(open_component, cluster, between) -> Viewer:
    """At a page that is hers also when it is loaded again, unless somebody else has signed in meanwhile."""
    given = json.dumps(cluster.token("ada", name="Ada"))
    script = f"document.querySelector('live-comments').token = () => sessionStorage.signedIn ?? {given};"
    return await open_component(script, at=between.url)


def posts_of(viewer: Viewer) -> list[Request]:
    """Return what the page posts from now on, as it does."""
    posted: list[Request] = []
    viewer.page.on("request", lambda one: posted.append(one) if one.method == "POST" else None)
    return posted


async def wait_unsent(ada: Viewer, video: str, *texts: str) -> None:
    """Have the viewer say something while the service is away."""
    await ada.page.route(f"**/comments/{video}", lambda route: route.fulfill(**AWAY))
    for text in texts:
        await ada.say(text)
    await expect(ada.page.locator(".pending.waiting .text")).to_have_text(texts[0])


async def test_what_waits_goes_out_in_order_and_under_its_keys(ada, video):
    posted = posts_of(ada)
    await wait_unsent(ada, video, "first", "second")
    await ada.reload()
    await expect(ada.page.locator(PENDING)).to_have_text(["first", "second"])
    await ada.page.unroute(f"**/comments/{video}")
    await ada.sees("first", "second")
    firsts = [one for one in posted if one.post_data_json["message"] == "first"]
    assert len(firsts) > 1
    assert len({one.headers["idempotency-key"] for one in firsts}) == 1
    await ada.until("component.client.outbox.entries.length === 0")
    posted.clear()
    await ada.reload()
    await ada.is_live()
    await ada.sees("first", "second")
    assert await ada.rows() == 2
    assert posted == []


async def test_what_was_stored_without_an_answer_is_not_shown_twice(ada, between, video):
    """The newest page has it: it is taken for what waits, also while nobody has answered yet."""

    async def store_and_say_nothing(route: Route) -> None:
        await route.fetch(url=f"{between.target}/comments/{video}")
        await route.abort("connectionreset")

    await ada.page.route(f"**/comments/{video}", store_and_say_nothing)
    async with ada.page.expect_event("requestfailed", lambda one: one.method == "POST") as lost:
        await ada.say("once")
    going = asyncio.Event()

    async def hold(route: Route) -> None:
        await going.wait()
        await route.continue_()

    await ada.page.route(f"**/comments/{video}", hold)
    await ada.page.unroute(f"**/comments/{video}", store_and_say_nothing)
    async with ada.page.expect_request(lambda one: one.method == "POST") as again:
        await ada.reload()
    assert (await again.value).headers["idempotency-key"] == (await lost.value).headers["idempotency-key"]
    await ada.sees("once")
    await expect(ada.page.locator(PENDING)).to_have_count(0)
    assert await ada.rows() == 1
    going.set()
    await ada.until("component.client.outbox.entries.length === 0")
    assert await ada.texts() == ["once"]


async def test_what_failed_is_still_there_with_its_reason(ada, video):
    refused = problem(400, "message_characters")
    await ada.page.route(f"**/comments/{video}", lambda route: route.fulfill(**refused))
    await ada.say("nobody types this twice")
    await expect(ada.page.locator(WHY)).to_have_text("refused with message_characters")
    await ada.reload()
    await expect(ada.page.locator(WHY)).to_have_text("refused with message_characters")
    await ada.page.get_by_role("button", name="Edit").click()
    await expect(ada.page.locator(FIELD)).to_have_value("nobody types this twice")
    await ada.reload()
    await expect(ada.page.locator(FIELD)).to_have_value("nobody types this twice")
    await ada.is_live()
    assert await ada.rows() == 0


async def test_nothing_goes_out_under_another_name_unless_one_wants_it(ada, cluster, video):
    await wait_unsent(ada, video, "tried", "not tried yet")
    posted = posts_of(ada)
    grace = cluster.token("grace", name="Grace")
    await ada.page.evaluate("(token) => { sessionStorage.signedIn = token; }", grace)
    await ada.reload()
    await expect(ada.page.locator(WHY)).to_have_text(["It went out under another name, and may be there already."] * 2)
    await ada.is_live()
    assert not [one for one in posted if grace in one.headers["authorization"]]
    await ada.page.unroute(f"**/comments/{video}")
    await ada.page.locator(".failed").first.get_by_role("button", name="Try again").click()
    await ada.sees("tried")
    await expect(ada.page.locator("live-comments [data-id] .name")).to_have_text("Grace")


async def test_what_is_older_than_its_key_waits_for_the_viewer(ada, video):
    """A tab that is opened again a day later still has it; the service no longer knows whether it was stored."""
    await wait_unsent(ada, video, "an old one")
    await ada.page.evaluate(
        """() => {
            const name = Object.keys(sessionStorage).find((name) => name.includes("unsent"));
            const long = JSON.parse(sessionStorage[name]).map((one) => ({ ...one, sinceMs: one.sinceMs - 600_000 }));
            sessionStorage[name] = JSON.stringify(long);
        }"""
    )
    await ada.reload()
    await expect(ada.page.locator(WHY)).to_have_text(LEFT_OVER)
    await ada.page.unroute(f"**/comments/{video}")
    await ada.is_live()
    assert await ada.texts() == []
    await ada.page.get_by_role("button", name="Discard").click()
    await ada.reload()
    await ada.is_live()
    assert await ada.rows() == 0


ENTRIES = """async (text) => {
    const { entriesOf, written } = await import("/web/live-comments/unsent.js");
    return entriesOf(text).map(({ problem, above, ...entry }) => {
        return { ...entry, code: problem?.code ?? null, above: above === Infinity ? "anything" : above };
    });
}"""
KEPT = {"key": "k", "text": "hello", "tried": True, "sinceMs": 5, "by": "ada", "above": 7, "failed": None}


async def test_what_nobody_knows_the_author_of_waits_for_the_viewer(blank_page):
    (known,) = await blank_page.evaluate(ENTRIES, json.dumps([KEPT]))
    (unknown,) = await blank_page.evaluate(ENTRIES, json.dumps([{**KEPT, "by": None, "above": None}]))
    assert (known["state"], known["code"], known["by"], known["above"]) == ("sending", None, "ada", 7)
    assert (unknown["state"], unknown["code"], unknown["by"], unknown["above"]) == (
        *("failed", "left_over", None, "anything"),
    )


@pytest.mark.parametrize("text", ["", "{", "null", "17", '{"key": 1}', "[null, 17, {}]", '[{"key": 1, "text": "a"}]'])
async def test_what_something_else_has_left_there_is_taken_for_nothing(blank_page, text):
    assert await blank_page.evaluate(ENTRIES, text) == []
