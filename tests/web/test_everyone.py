"""For everyone: by keyboard, by screen reader, from right to left, in the dark, without motion, on a narrow phone."""

from __future__ import annotations

import asyncio
from importlib import resources
from itertools import pairwise

import pytest
from playwright.async_api import Page, expect

from tests.web.conftest import HURRIED, LONG
from tests.web.lively import Lively
from tests.web.viewer import FIELD, NEWER, SCROLLER, hide, show

AXE = (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
AA = 4.5  # contrast of text, WCAG 2.2, success criterion 1.4.3
BUSY_SAYING = [f"comment {number}" for number in range(8)]


async def violations(page: Page, *, within: str | None = None) -> list[str]:
    """Return what axe finds."""
    await page.evaluate(AXE)
    found = await page.evaluate(
        """async ([within, standards]) => {
            const { violations } = await axe.run(within ?? document, { runOnly: { type: "tag", values: standards } });
            return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).slice(0, 3).join(" ")}`);
        }""",
        [within, STANDARDS],
    )
    return list(found)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 800), (390, 844)], ids=["desktop", "phone"])
async def test_axe_finds_nothing(open_page, post, size, scheme):
    for number in range(12):
        await post(f"said by {number}", name=f"Somebody {number}")
    width, height = size
    viewer = await open_page("Ada", width=width, height=height, color_scheme=scheme, bypass_csp=True)
    await viewer.sees("said by 11")
    await viewer.say("mine")
    await viewer.sees("mine")
    assert await violations(viewer.page) == []
    await viewer.page.click("#change")
    await viewer.scroll_to(0)
    await expect(viewer.page.locator(NEWER)).to_be_visible()
    await viewer.page.fill(FIELD, "x" * 501)
    await viewer.page.click("[data-mood=quiet]")
    assert await violations(viewer.page) == []
    await viewer.page.click("#lay-over")
    assert await violations(viewer.page) == []
    await viewer.page.click("#stop-crowd")


async def test_axe_finds_nothing_where_a_comment_failed_or_was_removed(open_page, between, post, video):
    ada = await open_page("Ada", at=between.url, bypass_csp=True)
    (removed,) = await post("take this away")
    await between.say(f'id: {int(removed) + 1}\nevent: delete\ndata: {{"commentId": "{removed}"}}\n\n')
    await ada.page.route(
        f"**/comments/{video}", lambda route: route.fulfill(status=400, json={"code": "x", "detail": "no"})
    )
    await ada.say("refused")
    await expect(ada.page.locator(".failed .why")).to_be_visible()
    assert await violations(ada.page) == []


async def test_every_name_can_be_read(open_page, post):
    """Names are coloured by their user ids: all 360 hues have the contrast that text needs."""
    await post("hello")
    viewer = await open_page("Ada")
    await viewer.sees("hello")
    for scheme in ("light", "dark"):
        await viewer.page.emulate_media(color_scheme=scheme)
        assert await viewer.run(LOWEST_CONTRAST) >= AA, scheme


LOWEST_CONTRAST = """(() => {
    const pen = Object.assign(document.createElement("canvas"), { width: 1, height: 1 })
        .getContext("2d", { willReadFrequently: true });
    const luminance = (colour) => {
        pen.fillStyle = colour;
        pen.fillRect(0, 0, 1, 1);
        const [red, green, blue] = [...pen.getImageData(0, 0, 1, 1).data].map((value) => {
            const part = value / 255;
            return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const contrast = (one, other) => {
        const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
        return (light + 0.05) / (dark + 0.05);
    };
    const row = list.querySelector(".comment");
    const ground = getComputedStyle(component).backgroundColor;
    let least = Infinity;
    for (let hue = 0; hue < 360; hue += 1) {
        row.style.setProperty("--hue", hue);
        least = Math.min(least, contrast(getComputedStyle(row.querySelector(".name")).color, ground));
    }
    return least;
})()"""


async def test_it_works_by_keyboard_alone(open_page, post):
    await post(*(f"before {number}" for number in range(40)))
    ada = await open_page("Ada")
    keys = ada.page.keyboard
    await tab_to(ada.page, "textarea")
    await keys.type("typed")
    await keys.press("Enter")
    await ada.sees("typed")
    await ada.until("component.client.outbox.entries.length === 0")  # its row is not drawn anew any more
    await keys.press("Shift+Tab")
    assert await focused(ada.page) == "actions", "what can be done with one's own comment"
    await keys.press("Shift+Tab")
    assert await focused(ada.page) == "scroller"
    assert await ada.run("getComputedStyle(scroller).outlineStyle") == "solid", "one sees where one is"
    async with asyncio.timeout(20):
        while True:
            await keys.press("Home")
            await expect(ada.page.locator(NEWER)).to_be_visible()
            await keys.press("Tab")
            if await focused(ada.page) != "actions":
                break
            await keys.press("Shift+Tab")  # the page has not seen yet that this row is out of view
    assert await focused(ada.page) == "newer"
    await keys.press("Enter")
    await expect(ada.page.locator(NEWER)).to_be_hidden()
    assert await focused(ada.page) == "scroller", "the focus is not lost with the button"
    await keys.press("Home")
    await expect(ada.page.locator(NEWER)).to_be_visible()
    await keys.press("End")
    await expect(ada.page.locator(NEWER)).to_be_hidden()


@pytest.mark.parametrize("key", ["Enter", "Space"])
async def test_the_button_that_sends_hands_the_focus_back_to_the_field(open_page, key):
    """It is switched off when the field is empty, and what is switched off has no focus."""
    ada = await open_page("Ada")
    await tab_to(ada.page, "textarea")
    await ada.page.keyboard.type("by the button")
    await ada.page.keyboard.press("Tab")
    assert await focused(ada.page) == "send"
    await ada.page.keyboard.press(key)
    await ada.sees("by the button")
    await expect(ada.page.locator("live-comments .send")).to_be_disabled()
    assert await focused(ada.page) == "textarea"
    await ada.page.keyboard.type("and on")
    await expect(ada.page.locator(FIELD)).to_have_value("and on")


async def tab_to(page: Page, name: str, *, at_most: int = 30) -> None:
    for _ in range(at_most):
        await page.keyboard.press("Tab")
        if await focused(page) == name:
            return
    pytest.fail(f"{name} cannot be reached by keyboard")


async def focused(page: Page) -> str:
    """Return the class, else the element's name, of what has the focus, inside the component too."""
    return str(
        await page.evaluate(
            """() => {
                let one = document.activeElement;
                while (one.shadowRoot?.activeElement) one = one.shadowRoot.activeElement;
                return one.classList[0] ?? one.localName;
            }"""
        )
    )


async def test_a_screen_reader_hears_a_quiet_chat_word_by_word_and_a_busy_one_as_a_number(open_page, between, post):
    ada = await open_page("Ada", at=between.url, hurried=("announcer.js",))
    every_ms = 4000 if LONG else HURRIED["announcer.js"]["EVERY_MS"]
    log = ada.page.get_by_role("log", name="Comments, oldest first")
    await expect(log).to_be_visible()
    await ada.run(
        """(() => {
            const region = root.querySelector("[aria-live=polite]");
            window.heard = [];
            new MutationObserver(() => region.textContent && window.heard.push([performance.now(), region.textContent]))
                .observe(region, { childList: true, characterData: true, subtree: true });
        })()"""
    )
    await post("hello there", name="Nora")
    await ada.until("window.heard.length === 1")
    lively = Lively(between)
    await lively.say(per_s=80, seconds=0.1)  # eight in one flush: none is read out before the last one is there
    await ada.until("window.heard.length === 2")
    await lively.say(per_s=10, seconds=0.1)
    await ada.until("window.heard.length === 3")
    times, (hello, busy, quiet) = zip(*await ada.run("window.heard"), strict=True)
    assert (hello, busy) == ("Nora: hello there", "8 new comments")
    assert quiet.startswith("Somebody 9: comment 9 ")
    assert all(later - earlier >= every_ms - 100 for earlier, later in pairwise(times))


LISTEN = """(() => {
    const region = root.querySelector("[aria-live=polite]");
    window.heard = [];
    new MutationObserver(() => region.textContent && window.heard.push(region.textContent))
        .observe(region, { childList: true, characterData: true, subtree: true });
})()"""


async def test_what_came_while_nobody_saw_the_page_is_there_and_is_not_read_out(open_page, post):
    ada = await open_page("Ada", hurried=("announcer.js",))
    await ada.run(LISTEN)
    await post("before", name="Nora")
    await ada.until("window.heard.length === 1")
    await hide(ada.page)
    newest = (await post(*BUSY_SAYING, name="Nora"))[-1]
    has_come = "(newest) => document.querySelector('live-comments').client.timeline.newest >= newest"
    await ada.page.wait_for_function(has_come, arg=int(newest), polling=50)
    assert await ada.texts() == ["before"]
    await show(ada.page)
    await ada.sees("before", *BUSY_SAYING)
    await post("after", name="Nora")
    await ada.until("window.heard.length === 2")
    assert await ada.run("window.heard") == ["Nora: before", "Nora: after"]


async def test_nothing_is_read_out_of_a_room_that_one_has_left(open_page, post, video):
    ada = await open_page("Ada", hurried=("announcer.js",))
    await ada.run(LISTEN)
    await post("hello", name="Nora")
    await ada.until("window.heard.length === 1")
    await post("nobody hears this", name="Nora")
    # In the moment in which it is seen: it will be read out soon.
    await ada.until("texts().at(-1) === 'nobody hears this' && ((component.video = given), true)", f"{video}-another")
    await ada.until("component.state === 'live'")
    await ada.run("(component.video = given, new Promise((resolve) => setTimeout(resolve)))", video)
    await ada.until("component.state === 'live'")
    await post("welcome back", name="Nora")
    await ada.until("window.heard.length === 2")
    assert await ada.run("window.heard") == ["Nora: hello", "Nora: welcome back"]


async def test_ones_own_comments_are_not_read_out(open_page):
    ada = await open_page("Ada")
    await ada.say("I know what I said")
    await ada.sees("I know what I said")
    await asyncio.sleep(0.3)
    assert await ada.run("root.querySelector('[aria-live=polite]').textContent") == ""


async def test_a_refusal_is_read_out(open_page, video):
    ada = await open_page("Ada")
    problem = {"code": "message_characters", "detail": "The message holds control characters."}
    await ada.page.route(f"**/comments/{video}", lambda route: route.fulfill(status=400, json=problem))
    await ada.say("something")
    await ada.until(
        "root.querySelector('[aria-live=polite]').textContent === given",
        "Your comment was not sent. The message holds control characters.",
    )


ANNOUNCER = """async (body) => {
    const { Announcer } = await import("/web/live-comments/announcer.js");
    const { WORDS } = await import("/web/live-comments/words.js");
    const region = { textContent: "" };
    const announcer = new Announcer(region, () => WORDS);
    new Function("announcer", body)(announcer);
    while (!region.textContent) await new Promise((resolve) => setTimeout(resolve));
    return region.textContent;
}"""


@pytest.mark.parametrize(
    ("noticed", "said"),
    [
        ("notice('It was not sent.'); announcer.notice('live', 'connection')", "It was not sent. live"),
        ("notice('away', 'connection'); announcer.notice('no.'); announcer.notice('live', 'connection')", "no. live"),
        ("notice('no.'); announcer.notice('no.')", "no."),
        ("notice('1'); for (const n of '23456') announcer.notice(n)", "3 4 5 6"),
        (
            "arrived([{ name: 'Nora', message: 'hello' }]); announcer.notice('It was not sent.')",
            "It was not sent. Nora: hello",
        ),
    ],
    ids=["beside the connection", "between two states of it", "twice", "too many", "before comments"],
)
async def test_a_refusal_is_not_lost_among_what_else_there_is_to_say(blank_page, noticed, said):
    assert await blank_page.evaluate(ANNOUNCER, f"announcer.{noticed};") == said


async def test_from_right_to_left_everything_stands_on_the_other_side(open_component, post, cluster):
    await post("مرحبا بالجميع 👋", "hello 👩\u200d👩\u200d👧", name="ليلى")
    ada = await open_component(token=cluster.token("ada"), text_dir="rtl")
    await ada.sees("hello 👩\u200d👩\u200d👧")
    for text in range(2):
        avatar, body, name = await ada.run(
            """[...list.children].slice(given)[0].querySelectorAll(".avatar, .text, .name").length && ((row) =>
                [".avatar", ".text", ".name"].map((part) => row.querySelector(part).getBoundingClientRect().right)
            )(list.children[given])""",
            text,
        )
        assert avatar > body, "the picture is on the right"
        assert abs(body - name) < 2
    assert await ada.run("getComputedStyle(list.querySelector('.text')).textAlign") == "right"
    assert await ada.run("document.documentElement.scrollWidth <= innerWidth")


async def test_right_to_left_words_in_a_left_to_right_page_read_in_their_own_direction(open_page, post):
    await post("מה? (כן!)", name="נועה")
    ada = await open_page("Ada")
    await ada.sees("מה? (כן!)")
    assert await ada.run("getComputedStyle(list.querySelector('.text')).direction") == "rtl"
    left = await ada.run("[...list.querySelectorAll('.name, .text')].map((part) => part.getBoundingClientRect().left)")
    assert abs(left[0] - left[1]) < 2


async def test_nothing_moves_for_those_who_asked_for_less_motion(open_page, post):
    ada = await open_page("Ada", reduced_motion="reduce")
    await post("hello")
    await ada.sees("hello")
    assert await ada.run("document.getAnimations().length") == 0
    assert await ada.page.locator("#play").get_attribute("aria-label") == "Play"


async def test_narrow_screens_have_room_for_everything(open_page, post):
    await post("w" * 500, "short", "a\n" * 60, name="n" * 40)
    viewer = await open_page("Viewer", width=768, height=640)
    await viewer.say("mine")
    await viewer.sees("mine")
    for width in (768, 360, 320):
        await viewer.page.set_viewport_size({"width": width, "height": 640})
        assert await viewer.run("document.documentElement.scrollWidth <= innerWidth"), width
        assert await viewer.run("scroller.scrollWidth <= scroller.clientWidth"), width
        comments, send = await viewer.run(
            "[...root.querySelectorAll('.send, .scroller')].map((one) => one.getBoundingClientRect().height)"
        )
        assert comments >= 160, width
        assert send >= 38, "a finger"


async def test_a_phone_s_keyboard_leaves_the_comments_in_view(open_page, post):
    await post("hello")
    viewer = await open_page("Viewer", width=390, height=844)
    await viewer.page.focus(FIELD)
    await viewer.page.set_viewport_size({"width": 390, "height": 420})
    await viewer.sees("hello")
    box = await viewer.page.locator(SCROLLER).bounding_box()
    field = await viewer.page.locator(FIELD).bounding_box()
    assert box is not None
    assert box["height"] > 150
    assert field is not None
    assert field["y"] + field["height"] <= 420


GERMAN = """
const component = document.querySelector("live-comments");
component.words = {
    title: "Kommentare", log: "Kommentare, älteste zuerst", field: "Dein Kommentar", placeholder: "Sag etwas",
    send: "Senden", left: (n) => `noch ${n} Zeichen`, connecting: "verbinde …", live: "läuft",
    polling: "läuft, alle paar Sekunden",
    away: "verbinde neu …", ended: "getrennt", again: "Noch einmal", sampled: (a, b) => `${a} von ${b}`,
    viewers: (n) => `${n} schauen zu`, newComments: (n) => `${n} neue`, newest: "Neueste", older: "Ältere kommen …",
    empty: "Noch nichts.",
    beginning: "Hier fing es an.", deleted: "Entfernt.", more: "mehr", less: "weniger",
    roles: { host: "Gastgeber", moderator: "Moderation" }, you: "Du", sending: "unterwegs", sent: "da",
    waiting: "wartet", failed: "nicht gesendet", edit: "Ändern", discard: "Verwerfen",
    readOut: (name, text) => `${name} sagt: ${text}`, notSent: (why) => `Nicht gesendet: ${why}`,
    problems: { gone_wrong: "Das ging schief." },
};
"""


async def test_every_word_can_be_replaced(open_component, cluster, post, site, video):
    problem = {"code": "gone_wrong", "detail": "It went wrong."}
    await post(*("hallo" for _ in range(30)), name="Nora")
    ada = await open_component(GERMAN, token=cluster.token("ada", name="ada"))
    await ada.page.route(f"{site}/comments/{video}", lambda route: route.fulfill(status=400, json=problem))
    await ada.page.fill(FIELD, "x" * 450)
    await ada.page.press(FIELD, "Enter")
    await expect(ada.page.locator(".failed .why")).to_contain_text("Das ging schief.")
    await ada.scroll_to(0)
    await expect(ada.page.locator(NEWER)).to_have_text("Neueste")
    said = await ada.run(
        """[...root.querySelectorAll("*")].flatMap((one) => [
            ...[...one.childNodes].filter(({ nodeType }) => nodeType === 3).map(({ data }) => data),
            ...["aria-label", "title", "placeholder"].map((name) => one.getAttribute(name) ?? ""),
        ]).filter((text) => /[a-z]{3}/i.test(text))"""
    )
    german = {
        *("Kommentare", "Kommentare, älteste zuerst", "Dein Kommentar", "Sag etwas", "Senden", "läuft", "1 schauen zu"),
        *("Neueste", "Hier fing es an.", "nicht gesendet", "Das ging schief.", "Ändern", "Verwerfen", "hallo", "Nora"),
        *("Ältere kommen …", "Du", "x" * 450, "Nicht gesendet: Das ging schief.", "mehr", "Noch einmal"),
    }
    assert set(said) <= german, set(said) - german
