"""The page itself: how it is served, its rooms, its crowd, and how it looks."""

from __future__ import annotations

import asyncio
import json
import re
import time
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import Request, Route, expect

from runtime.settings import Settings
from tests.web.conftest import ARTEFACTS
from tests.web.viewer import FIELD

ROOT = Path(__file__).resolve().parents[2]
SIZES = {"desktop": (1440, 900), "phone": (390, 844)}

# Names and texts for the screenshots.
CONVERSATION = [
    ("Nora", "the colours tonight are unreal"),
    ("mika_07", "first time here, hello everyone"),
    ("ليلى", "مساء الخير من عمّان"),
    ("Jürgen", "where is this?"),
    ("Sam", "somewhere over the hills, I think"),
    (
        "Zoë",
        "Is there going to be a replay afterwards? I have to leave in ten minutes and do not want to miss the end.",
    ),
    ("a-name-that-somebody-made-rather-long", "ça alors !"),
    ("Priya", "same here"),
    ("Leo", "GOOOOL"),
]


async def test_everything_comes_from_the_page_s_own_origin(site):
    async with aiohttp.ClientSession() as session, session.get(f"{site}/") as answer:
        assert answer.status == 200
        assert answer.content_type == "text/html"
        policy = dict(
            directive.strip().split(" ", 1) for directive in answer.headers["Content-Security-Policy"].split(";")
        )
        page = await answer.text()
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert policy["trusted-types"] == "'none'"
    assert "<script>" not in page
    assert "style=" not in page
    assert "http://" not in page
    assert "https://" not in page


def test_no_script_of_ours_makes_markup_of_text():
    sinks = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|\.href = [^a]"
    )
    ours = [path for path in (ROOT / "web").rglob("*.js") if "vendor" not in path.parts]
    assert len(ours) > 20
    assert not [(path.name, found[0]) for path in ours for found in [sinks.search(path.read_text())] if found]


async def test_whoever_comes_has_a_name_and_is_live_at_once(open_page):
    viewer = await open_page(None)
    assert re.fullmatch(r"[A-Z]\w+ [A-Z]\w+", await viewer.page.locator("#name").inner_text())
    await viewer.say("hello")
    await viewer.sees("hello")
    assert viewer.errors == []


async def test_an_address_without_a_good_video_leads_to_the_first_room(open_page, site):
    viewer = await open_page(None)
    await viewer.page.goto(f"{site}/?video=<script>")
    await expect(viewer.page.locator("nav [aria-current]")).to_have_text("Northport – Larkfield")
    await viewer.until("component.video === 'demo'")


async def test_one_moves_between_rooms_and_back(open_page, post, video):
    await post("said here")
    viewer = await open_page("Ada")
    await viewer.sees("said here")
    await viewer.page.get_by_role("link", name="Night flight").click()
    await viewer.until("component.video === 'night-flight'")
    await viewer.is_live()
    assert "said here" not in await viewer.texts()
    await viewer.page.go_back()
    await viewer.until("component.video === given", video)
    await viewer.sees("said here")
    assert await viewer.run("new URLSearchParams(location.search).get('video')") == video


async def test_a_name_can_be_chosen_and_one_that_is_refused_corrected(open_page):
    viewer = await open_page(None)
    await viewer.page.click("#change")
    await viewer.page.fill("#new-name", "A\u0085da")
    await viewer.page.keyboard.press("Enter")
    await expect(viewer.page.locator("#refused")).to_contain_text("1 to 40 characters")
    await viewer.page.fill("#new-name", "Ada")
    await viewer.page.keyboard.press("Enter")
    await expect(viewer.page.locator("#name")).to_have_text("Ada")
    await viewer.is_live()
    await viewer.say("it is me")
    await viewer.sees("it is me")
    await expect(viewer.page.locator("live-comments .comment .name")).to_have_text("Ada")


async def test_one_stays_who_one_is_under_another_name_and_with_another_token(open_page):
    """So one can still take back what one has said, and a ban is not got rid of by a new name."""
    viewer = await open_page(None)
    await viewer.say("mine")
    await viewer.sees("mine")
    me = await viewer.run("component.client.userId")
    await viewer.page.click("#change")
    await viewer.page.fill("#new-name", "Ada")
    await viewer.page.keyboard.press("Enter")
    await expect(viewer.page.locator("#name")).to_have_text("Ada")
    await viewer.is_live()
    assert await viewer.run("component.client.userId") == me
    await expect(viewer.page.locator(".comment .actions")).to_have_count(1)
    ran_out = """((kept) => { sessionStorage["livecomments.guest"] = JSON.stringify({ ...kept, until: 0 }); })(
        JSON.parse(sessionStorage["livecomments.guest"]))"""
    await viewer.run(ran_out)
    async with viewer.page.expect_response("**/guests") as renewed:
        await viewer.reload()
    assert (await renewed.value).status == 201
    await viewer.is_live()
    assert await viewer.run("component.client.userId") == me


async def test_escape_leaves_the_name_as_it_was(open_page):
    viewer = await open_page("Ada")
    await viewer.page.click("#change")
    await expect(viewer.page.locator("#new-name")).to_be_focused()
    await viewer.page.keyboard.type("Ben")
    await viewer.page.keyboard.press("Escape")
    await expect(viewer.page.locator("#name")).to_have_text("Ada")
    await expect(viewer.page.locator("#change")).to_be_focused()


async def test_nothing_moves_when_a_crowd_comes_and_leaves(open_page):
    viewer = await open_page("Ada")
    places = """[...document.querySelectorAll(".about, .about .button, live-comments")]
        .map((one) => JSON.stringify(one.getBoundingClientRect()))"""
    for width in (1280, 390, 320):
        await viewer.page.set_viewport_size({"width": width, "height": 800})
        before = await viewer.run(places)
        await viewer.page.click("[data-mood=quiet]")
        await expect(viewer.page.locator("#crowd-state")).to_contain_text("for another")
        assert await viewer.run(places) == before, width
        await viewer.page.click("#stop-crowd")
        await expect(viewer.page.locator("#crowd-state")).to_have_text("Let in a crowd of made-up people")
        assert await viewer.run(places) == before, width


async def test_where_there_are_no_guests_the_page_still_shows_the_room(open_page, site):
    async def no_guests(route: Route) -> None:
        body = json.dumps({"code": "not_found", "detail": "There is nothing at this address."})
        await route.fulfill(status=404, content_type="application/problem+json", body=body)

    viewer = await open_page(None)
    await viewer.run("sessionStorage.clear()")
    await viewer.page.route(f"{site}/guests", no_guests)
    await viewer.reload()
    await expect(viewer.page.locator("live-comments .state")).to_have_text("Sign in to join the conversation.")
    await expect(viewer.page.locator("#me")).to_be_hidden()


def test_a_deployment_has_no_guests_and_no_status_page_unless_it_says_so():
    assert Settings().guests is False
    assert Settings().status_page is False
    compose = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    assert "LIVECOMMENTS_GUESTS:-0" in compose
    assert "STATUS_PAGE" not in compose


async def test_a_crowd_comes_speaks_and_leaves(open_page):
    viewer = await open_page("Ada")
    await viewer.page.get_by_role("button", name="Lively").click()
    await viewer.until("texts().length >= 12", timeout_ms=30_000)
    names = await viewer.page.locator("live-comments .comment .name").all_text_contents()
    assert len(set(names)) >= 4
    await expect(viewer.page.locator("#crowd-state")).to_contain_text("comments a second, for another 2:")
    await viewer.page.get_by_role("button", name="Stop").click()
    await expect(viewer.page.locator("#stop-crowd")).to_be_disabled()
    shown = len(await viewer.texts())
    await asyncio.sleep(1.5)
    assert len(await viewer.texts()) <= shown + 3, "those that were on their way"
    assert viewer.errors == []


async def test_the_crowd_waits_as_it_is_told_and_has_an_end(open_page, site, video):
    viewer = await open_page("Ada")
    posted: list[tuple[float, int]] = []

    async def answer(route: Route, request: Request) -> None:
        """Too many, once a good number has come."""
        busy = len(posted) >= 6
        posted.append((time.monotonic(), 429 if busy else 201))
        if busy:
            body = json.dumps({"code": "too_many", "detail": "Too many comments."})
            headers = {"Retry-After": "60"}
            await route.fulfill(status=429, headers=headers, content_type="application/problem+json", body=body)
        else:
            await route.continue_()

    await viewer.page.route(f"{site}/comments/{video}", answer)
    await viewer.page.click("[data-mood=moment]")
    # Each of at most 32 people hears of it once, and then keeps still.
    await expect(viewer.page.locator("#crowd-state")).to_contain_text("0 comments a second", timeout=30_000)
    await asyncio.sleep(1)
    assert len([status for _, status in posted if status == 429]) <= 32
    source = (ROOT / "web" / "crowd.js").read_text()
    assert {int(found) for found in re.findall(r"lastsS: (\d+)", source)} <= {90, 180}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", sorted(SIZES))
async def test_screenshots(open_page, post, size, scheme):
    """For people to look at; what can be measured is measured."""
    ARTEFACTS.mkdir(exist_ok=True)
    width, height = SIZES[size]
    for name, text in CONVERSATION:
        await post(text, name=name)
    viewer = await open_page("Grace", width=width, height=height, color_scheme=scheme)
    await viewer.say("hello from the tests")
    await viewer.sees(CONVERSATION[-1][1], "hello from the tests")
    await viewer.page.screenshot(path=ARTEFACTS / f"{size}-{scheme}.png", animations="disabled")
    assert await viewer.run("document.documentElement.scrollWidth <= innerWidth")
    assert await viewer.run("document.documentElement.scrollHeight <= innerHeight")
    assert await viewer.run("scroller.clientHeight >= 200"), "there is room for the comments"
    await viewer.page.click("#lay-over")
    await viewer.until("component.hasAttribute('overlay') && scroller.clientHeight > 100")
    await viewer.page.screenshot(path=ARTEFACTS / f"{size}-{scheme}-over.png", animations="disabled")
    assert await viewer.run("document.documentElement.scrollWidth <= innerWidth")
    await viewer.page.fill(FIELD, "still there")
    assert viewer.errors == []
