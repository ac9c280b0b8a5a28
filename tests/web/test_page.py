"""The page itself: how it is served, and how it looks."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import expect

ARTEFACTS = Path(__file__).resolve().parents[2] / "test-artefacts"
SIZES = {"desktop": (1440, 900), "phone": (390, 844)}

# Names and texts for the screenshots.
CONVERSATION = [
    ("Nora", "the colours tonight are unreal"),
    ("mika_07", "first time here, hello everyone"),
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
    assert "<script>" not in page
    assert "style=" not in page
    assert "http://" not in page
    assert "https://" not in page


async def test_an_address_without_a_video_leads_to_one(open_page, site):
    viewer = await open_page(None)
    await viewer.page.goto(f"{site}/?video=<script>")
    await expect(viewer.page.locator("#title")).to_have_text("demo")
    await expect(viewer.page.locator("#video")).to_have_value("demo")


async def test_another_video_can_be_chosen(open_page, video):
    viewer = await open_page(None)
    await viewer.page.fill("#video", f"{video}-other")
    await viewer.join("Ada")
    await expect(viewer.page.locator("#title")).to_have_text(f"{video}-other")
    assert viewer.page.url.endswith(f"?video={video}-other")


async def test_a_name_that_is_refused_can_be_corrected(open_page):
    viewer = await open_page(None)
    await viewer.page.fill("#name", "A\u0085da")
    await viewer.page.click("#enter")
    await expect(viewer.page.locator("#refused")).not_to_be_empty()
    await viewer.join("Ada")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", sorted(SIZES))
async def test_screenshots(open_page, post, size, scheme):
    """For people to look at; what can be measured is measured."""
    ARTEFACTS.mkdir(exist_ok=True)
    width, height = SIZES[size]
    viewer = await open_page(None, width=width, height=height, color_scheme=scheme)
    await viewer.page.screenshot(path=ARTEFACTS / f"{size}-{scheme}-join.png")
    for name, text in CONVERSATION:
        await post(text, name=name)
    await viewer.join("Grace")
    await viewer.say("hello from the tests")
    await viewer.sees(CONVERSATION[-1][1], "hello from the tests")
    await viewer.page.screenshot(path=ARTEFACTS / f"{size}-{scheme}.png", animations="disabled")
    assert await viewer.run("document.documentElement.scrollWidth <= innerWidth")
    assert await viewer.run("document.documentElement.scrollHeight <= innerHeight")
    assert await viewer.run("scroller.clientHeight >= 200"), "there is room for the comments"
    assert viewer.errors == []
