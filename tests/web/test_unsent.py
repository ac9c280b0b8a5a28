"""What is written and not sent yet: nothing of it is lost, nothing is said twice, whatever becomes of the client."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
from playwright.async_api import Request, Route, expect

from tests.web.test_posting import WATCH_FOR_DOUBLES, problem
from tests.web.viewer import FIELD, Viewer

PENDING = "live-comments .pending .text"
AWAY = problem(503, "not_stored", **{"Retry-After": "1"})


@pytest.fixture
async def ada(open_component, cluster, between) -> Viewer:
    return await open_component(token=cluster.token("ada", name="Ada"), at=between.url)


async def use_token(viewer: Viewer, token: str) -> None:
    """Give the component another token: its client is made anew."""
    await viewer.run("(window.before = component.client, component.token = () => given)", token)
    await viewer.until("component.client && component.client !== window.before && component.state === 'live'")


async def test_what_waits_goes_out_by_the_next_client_in_order_and_under_its_keys(ada, cluster, video):
    keys: dict[str, set[str]] = {}

    async def refuse(route: Route, request: Request) -> None:
        keys.setdefault(request.post_data_json["message"], set()).add(request.headers["idempotency-key"])
        await route.fulfill(**AWAY)

    await ada.page.route(f"**/comments/{video}", refuse)
    await ada.page.fill(FIELD, "half a thou")
    for text in ("first", "second"):
        await ada.run("component.client.post(given)", text)
    await expect(ada.page.locator(".pending.waiting .text")).to_have_text("first")
    await use_token(ada, cluster.token("ada", name="Ada"))
    await expect(ada.page.locator(PENDING)).to_have_text(["first", "second"])
    await expect(ada.page.locator(FIELD)).to_have_value("half a thou")
    await ada.page.unroute(f"**/comments/{video}")
    async with ada.page.expect_request(lambda one: one.method == "POST") as sent:
        await ada.sees("first", "second")
    assert {(await sent.value).headers["idempotency-key"]} == keys["first"]
    assert await ada.rows() == 2


async def test_what_is_on_its_way_when_the_client_is_stopped_arrives_once(ada, cluster, video):
    going = asyncio.Event()

    async def hold(route: Route) -> None:
        await going.wait()
        await route.continue_()

    await ada.page.route(f"**/comments/{video}", hold)
    await ada.run(WATCH_FOR_DOUBLES)
    await ada.say("on its way")
    await use_token(ada, cluster.token("ada", name="Ada"))
    going.set()
    await ada.sees("on its way")
    await expect(ada.page.locator(PENDING)).to_have_count(0)
    assert await ada.run("window.most") == 1


async def test_what_failed_is_still_there_and_can_be_sent_when_one_may_again(ada, cluster, video):
    await ada.page.route(f"**/comments/{video}", lambda route: route.fulfill(**problem(401, "no_token")))
    await ada.say("nobody types this twice")
    await expect(ada.page.locator("live-comments .failed .text")).to_have_text("nobody types this twice")
    await use_token(ada, cluster.token("ada", name="Ada"))
    await ada.page.unroute(f"**/comments/{video}")
    await ada.page.locator(".failed").get_by_role("button", name="Try again").click()
    await ada.sees("nobody types this twice")
    assert await ada.rows() == 1


async def test_what_waits_in_one_room_goes_out_when_one_is_back_there(ada, video):
    await ada.page.route(f"**/comments/{video}", lambda route: route.fulfill(**AWAY))
    await ada.say("for this room")
    await expect(ada.page.locator(".pending.waiting .text")).to_have_text("for this room")
    await ada.run("component.video = given", f"{video}-another")
    await ada.until("component.client?.state === 'live'")
    await expect(ada.page.locator(PENDING)).to_have_count(0)
    await ada.page.unroute(f"**/comments/{video}")
    await ada.run("component.video = given", video)
    await ada.sees("for this room")
    await expect(ada.page.locator(PENDING)).to_have_count(0)


async def test_nothing_is_said_again_under_another_name_unless_one_wants_it(ada, cluster, video):
    """Nobody knows whether it was stored, and a key is one's own: as another user it would be another comment."""
    await ada.page.route(f"**/comments/{video}", lambda route: route.fulfill(**AWAY))
    await ada.say("by whom?")
    await expect(ada.page.locator(".pending.waiting .text")).to_have_text("by whom?")
    await use_token(ada, cluster.token("grace", name="Grace"))
    await expect(ada.page.locator(".failed .why span")).to_have_text(
        "It went out under another name, and may be there already."
    )
    await ada.page.unroute(f"**/comments/{video}")
    await ada.page.locator(".failed").get_by_role("button", name="Try again").click()
    await ada.sees("by whom?")
    await expect(ada.page.locator("live-comments [data-id] .name")).to_have_text("Grace")


async def test_a_comment_whose_answer_was_lost_is_not_doubled_by_a_page_that_has_it(ada, between, video):
    await ada.run(WATCH_FOR_DOUBLES)
    await ada.say("said before")
    await ada.sees("said before")
    between.down = True
    await between.cut()
    await ada.state("away")

    async def store_and_say_nothing(route: Route) -> None:
        await route.fetch(url=f"{between.target}/comments/{video}")
        await route.abort("connectionreset")

    await ada.page.route(f"**/comments/{video}", store_and_say_nothing)
    stored = ada.page.expect_event("requestfailed", lambda one: one.method == "POST")
    async with stored:
        await ada.say("once")
    incomplete = {"resumed": True, "replayed": 0, "complete": False}
    between.answer_next_stream(f"retry: 60000\n\nevent: sync\ndata: {json.dumps(incomplete)}\n\n")
    between.down = False
    await ada.sees("said before", "once")
    await expect(ada.page.locator(PENDING)).to_have_count(0)
    assert await ada.run("window.most") == 1
    await ada.page.unroute(f"**/comments/{video}")
    await ada.until("component.client.outbox.entries.length === 0")
    assert await ada.texts() == ["said before", "once"]


async def test_what_is_said_before_the_first_page_is_here_is_not_shown_twice(ada, video):
    """The page was read before it was said, so the stream brings it, and that while the answer is on its way."""
    room = f"{video}-another"
    read, going, stored, seen = (asyncio.Event() for _ in range(4))

    async def hold(route: Route, done: asyncio.Event, until: asyncio.Event) -> None:
        answer = await route.fetch()
        done.set()
        await until.wait()
        await route.fulfill(response=answer)

    await ada.page.route(re.compile(rf"/comments/{room}\?"), lambda route: hold(route, read, going))
    await ada.page.route(f"**/comments/{room}", lambda route: hold(route, stored, seen))
    await ada.run(WATCH_FOR_DOUBLES)
    await ada.run("component.video = given", room)
    await read.wait()
    await ada.say("early")
    await stored.wait()
    going.set()
    await ada.sees("early")
    await expect(ada.page.locator(PENDING)).to_have_count(0)
    seen.set()
    await ada.until("component.client.outbox.entries.length === 0")
    assert await ada.run("window.most") == 1


async def test_what_one_said_before_is_not_taken_for_what_is_on_its_way(ada, between, video):
    await ada.say("lol")
    await ada.sees("lol")
    await ada.page.route(f"**/comments/{video}", lambda route: route.fulfill(**AWAY))
    await ada.say("lol")
    await expect(ada.page.locator(PENDING)).to_have_text("lol")
    incomplete = {"resumed": True, "replayed": 0, "complete": False}
    await between.say(f"event: sync\ndata: {json.dumps(incomplete)}\n\n")
    await ada.until("component.client.timeline.missing === 0")
    await expect(ada.page.locator(PENDING)).to_have_text("lol")
    assert await ada.rows() == 2


async def test_comments_that_failed_do_not_keep_others_from_being_sent(ada, video):
    await ada.page.route(f"**/comments/{video}", lambda route: route.fulfill(**problem(400, "message_characters")))
    for number in range(5):
        await ada.say(f"refused {number}")
        await expect(ada.page.locator("live-comments .failed")).to_have_count(number + 1)
    await ada.page.unroute(f"**/comments/{video}")
    await ada.say("this one is fine")
    await ada.until("texts().includes('this one is fine')")


async def test_where_too_many_are_on_their_way_it_says_so_and_keeps_the_text(ada, video):
    await ada.page.route(f"**/comments/{video}", lambda route: route.fulfill(**AWAY))
    for number in range(5):
        await ada.say(f"waiting {number}")
    await ada.say("one too many")
    await expect(ada.page.locator("live-comments .hint")).to_have_text("Your last comments are still on their way.")
    await expect(ada.page.locator(FIELD)).to_have_value("one too many")
    await ada.page.unroute(f"**/comments/{video}")
    await ada.sees(*(f"waiting {number}" for number in range(5)))
    await expect(ada.page.locator("live-comments .hint")).to_be_hidden()


async def test_a_page_that_is_loaded_again_still_has_what_stood_in_the_field(ada, video):
    half = "half a thou\nand a second line"
    await ada.page.fill(FIELD, half)
    await ada.reload()
    await expect(ada.page.locator(FIELD)).to_have_value(half)
    await ada.is_live()
    await ada.page.press(FIELD, "Enter")
    await ada.sees(half)
    await ada.reload()
    await ada.sees(half)
    await expect(ada.page.locator(FIELD)).to_have_value("")


async def test_what_stands_in_the_field_goes_along_to_another_room_and_is_not_kept_for_the_first(ada, video):
    await ada.page.fill(FIELD, "wherever I am")
    await ada.run("component.video = given", f"{video}-another")
    await ada.until("component.client?.state === 'live'")
    await expect(ada.page.locator(FIELD)).to_have_value("wherever I am")
    kept = await ada.page.evaluate("() => Object.entries(sessionStorage).filter(([key]) => key.includes('draft'))")
    assert [(key.split()[-1], text) for key, text in kept] == [(f"{video}-another", "wherever I am")]


async def test_where_the_browser_keeps_nothing_one_can_write_all_the_same(open_component, cluster):
    viewer = await open_component(
        "Object.defineProperty(window, 'sessionStorage', {get() { throw new DOMException('no', 'SecurityError') }});",
        token=cluster.token("ada", name="Ada"),
    )
    await viewer.say("said without a draft")
    await viewer.sees("said without a draft")
    assert viewer.errors == []
