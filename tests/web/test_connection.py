"""What the page does when the connection is not what it should be, and with all that an edge may say."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest
from playwright.async_api import expect

from tests.web.conftest import HURRIED, LONG
from tests.web.test_everyone import focused
from tests.web.viewer import Viewer


@pytest.fixture
async def watching(open_page, between):
    """A viewer behind a proxy that can be told to misbehave."""
    return await open_page("Ada", at=between.url)


async def mount(viewer: Viewer, video: str, issue: Callable[[bool], Awaitable[str]]) -> None:
    """Put the component on a page without one, with tokens from `issue`; the page notes the states it goes through."""
    await viewer.page.expose_function("issue", issue)
    await viewer.page.evaluate(
        """(video) => {
            const component = document.createElement("live-comments");
            component.token = (renew) => window.issue(renew);
            component.video = video;
            document.querySelector("main").append(component);
            window.states = [];
            component.addEventListener("state", () => window.states.push(component.state));
        }""",
        video,
    )
    await viewer.is_live()


async def test_a_token_that_expires_is_renewed_without_losing_the_place(open_component, post, cluster, video):
    """Tokens have ten seconds of grace: one that is five seconds over is good for five more."""
    asked = []

    async def issue(renew: bool) -> str:
        asked.append(renew)
        return cluster.token("ada", ttl_s=-5 if len(asked) == 1 else 3600, name="Ada")

    ada = await open_component(live=False, body="")
    await mount(ada, video, issue)
    for number in range(30):
        await post(f"tick {number}")
        if len(asked) > 1 and await ada.run("component.state") == "live":
            break
        await asyncio.sleep(0.4)
    await post("the end")
    await ada.sees("the end", timeout_ms=30_000)
    assert await ada.texts() == [*(f"tick {tick}" for tick in range(number + 1)), "the end"]
    assert asked == [False, True]


async def test_a_token_that_runs_out_is_renewed_before_it_does_and_nobody_notices(
    open_component, between, post, cluster, video
):
    """The edge says so half a minute before: the viewer moves to a stream with the new token, from its place on."""
    asked = []

    async def issue(renew: bool) -> str:
        asked.append(renew)
        return cluster.token("ada", ttl_s=3600 if renew else 33, name="Ada")

    ada = await open_component(live=False, body="", at=between.url)
    await ada.page.evaluate(
        "() => { Math.random = () => 0; }"
    )  # when within the time that is left is for chance to say
    await mount(ada, video, issue)
    said = []
    while len(between.streams()) < 2 or len(said) < 10:
        said.append(f"tick {len(said)}")
        await post(said[-1])
        await asyncio.sleep(0.05)
        assert len(said) < 500, "it never moved"
    await post("the end")
    await ada.sees("the end")
    assert (await ada.texts())[-100:] == [*said, "the end"][-100:]
    assert asked == [False, True]
    assert await ada.run("window.states") == ["live"]
    first, then = between.streams()
    assert first.headers["Authorization"] != then.headers["Authorization"]
    assert then.headers["Last-Event-ID"] > first.headers["Last-Event-ID"]


async def test_an_expired_token_does_not_stop_a_comment(open_component, cluster, video):
    asked = []

    async def issue(renew: bool) -> str:
        asked.append(renew)
        return cluster.token("ada", ttl_s=3600 if renew else -600)

    ada = await open_component(live=False, body="")
    await mount(ada, video, issue)
    await ada.say("here I am")
    await ada.sees("here I am")
    assert asked == [False, True]


@pytest.mark.parametrize(
    "answers",
    [
        "window.asked === 1 ? new Promise(() => {}) : given",
        "new Promise((resolve) => window.asked === 1 && setTimeout(resolve, late_ms, given))",
    ],
    ids=["never", "late"],
)
async def test_somebody_who_does_not_answer_when_asked_for_a_token_is_asked_again(open_component, cluster, answers):
    """And who answers late has answered: that he does so again is not waited for."""
    within_ms = 15_000 if LONG else HURRIED["credentials.js"]["TOKEN_WITHIN_MS"]
    script = f"""
        const component = document.querySelector("live-comments");
        const [given, late_ms] = [{json.dumps(cluster.token("ada", name="Ada"))}, {within_ms + 300}];
        window.asked = 0;
        window.states = [];
        component.addEventListener("state", () => window.states.push(component.state));
        component.token = () => {{
            window.asked += 1;
            return {answers};
        }};
    """
    ada = await open_component(script, live=False, hurried=("credentials.js",))
    await ada.say("patient")
    await ada.is_live(timeout_ms=40_000)
    await ada.sees("patient")
    assert "away" in await ada.run("window.states")
    assert await ada.run("window.asked") <= 2


@pytest.mark.parametrize(
    "when",
    ["set();", "document.addEventListener('DOMContentLoaded', set);"],
    ids=["in a script of its own", "when the page has been read"],
)
async def test_a_token_that_the_page_sets_in_a_later_script_goes_along_from_the_first_request_on(
    open_component, between, cluster, video, when
):
    """Asked without it, the service would refuse, and the browser say so in the console of a page that did no wrong."""
    body = f"""<live-comments video="{video}"></live-comments>
        <script type="module" nonce="test" src="/web/live-comments/index.js"></script>
        <script type="module" nonce="test">for (const at = performance.now(); performance.now() < at + 300; );</script>
    """
    token = json.dumps(cluster.token("ada"))
    script = f"const set = () => {{ document.querySelector('live-comments').token = () => {token}; }}; {when}"
    ada = await open_component(script, body=body, at=between.url)
    asked = [request for request in between.asked if request.path.startswith(("/comments/", "/videos/"))]
    assert [request.path for request in asked if "Authorization" not in request.headers] == []
    assert ada.errors == []


async def test_a_goodbye_is_obeyed(watching, between, post):
    """It comes back after the time that it was told, and not much later, from the place where it was."""
    await post("before")
    await watching.sees("before")
    said_at = asyncio.get_running_loop().time()
    await between.say('retry: 2000\n\nevent: bye\ndata: {"reason": "drain"}\n\n')
    await between.cut()
    await post("meanwhile")
    await watching.sees("before", "meanwhile")
    waited_s = between.streams_s[1] - said_at
    assert 2 <= waited_s < 2 * 1.5 + 2
    first, again = between.streams()
    assert "Last-Event-ID" in again.headers
    assert again.headers["Last-Event-ID"] > first.headers["Last-Event-ID"]


async def test_waits_grow_and_differ(open_component):
    """The pure part: never less than told, longer with each failure, bounded, and never the same twice."""
    page = await open_component(live=False, body="")
    waits = await page.page.evaluate(
        """async () => {
            const { nextWaitMs } = await import("/web/live-comments/waiting.js");
            return [1, 1, 1, 2, 3, 20].map((failures) => nextWaitMs(failures, 1000)).concat(nextWaitMs(1, 90_000));
        }"""
    )
    assert all(1000 <= wait <= 1500 for wait in waits[:3])
    assert len(set(waits[:3])) == 3
    assert 2000 <= waits[3] <= 3000
    assert 4000 <= waits[4] <= 6000
    assert 30_000 <= waits[5] <= 45_000
    assert 90_000 <= waits[6] <= 135_000


async def test_it_polls_where_it_is_told_to_and_returns_to_the_stream(open_page, between, post, video):
    told = json.dumps({"url": f"/comments/{video}/snapshot", "intervalMs": 200})
    between.answer_next_stream(
        f'event: poll\ndata: {told}\n\nretry: 4000\n\nevent: bye\ndata: {{"reason": "poll"}}\n\n'
    )
    await post("before")
    ada = await open_page("Ada", at=between.url)
    for text in ("one", "two", "three"):
        await post(text)
        await ada.sees(text)
    assert len(between.streams()) == 1
    assert await ada.run("component.client.polling") is True
    await expect(ada.page.locator("live-comments .state")).to_have_text("live, every few seconds")
    await ada.say("from here")
    await ada.sees("before", "one", "two", "three", "from here")
    await ada.until("component.client.polling === false && component.state === 'live'")
    await post("by the stream")
    await ada.sees("before", "one", "two", "three", "from here", "by the stream")
    assert len(between.streams()) == 2


async def test_behind_a_proxy_that_holds_streams_back_it_polls(open_page, between, post):
    between.holds_streams = True
    await post("before")
    ada = await open_page("Ada", at=between.url, live=False, hurried=("following.js",))
    await ada.sees("before")
    await ada.is_live()
    await expect(ada.page.locator("live-comments .state")).to_have_text("live, every few seconds")
    await post("by polling")
    await ada.sees("before", "by polling")
    await ada.say("mine")
    await ada.sees("before", "by polling", "mine")
    assert await ada.rows() == 3


async def test_streams_that_break_as_soon_as_they_are_open_are_asked_for_ever_more_rarely(watching, between):
    synced = json.dumps({"resumed": True, "replayed": 0, "complete": True})
    between.answer_next_stream(f"retry: 100\n\nevent: sync\ndata: {synced}\n\n", times=4)
    await between.cut()
    while len(between.streams_s) < 6:  # noqa: ASYNC110  it is the browser that we wait for
        await asyncio.sleep(0.05)
    waits = [later - earlier for earlier, later in pairwise(between.streams_s[1:])]
    assert waits[-1] > 3 * waits[0], waits
    await watching.state("live")


async def test_tokens_that_are_always_about_to_run_out_do_not_have_it_connect_in_circles(
    open_component, between, post, cluster, video
):
    asked = []

    async def issue(renew: bool) -> str:
        asked.append(renew)
        return cluster.token("ada", name="Ada")

    ada = await open_component(live=False, body="", at=between.url)
    await ada.page.evaluate("() => { Math.random = () => 0; }")
    await mount(ada, video, issue)
    for number in range(20):
        await between.say('event: expiring\ndata: {"inMs": 0}\n\n')
        await post(f"tick {number}")
        await ada.sees(f"tick {number}")
    assert len(between.streams()) <= 3
    assert len(asked) <= 3


async def test_a_stream_that_is_not_to_be_had_ends_with_a_reason_and_a_way_back(open_page, between):
    """204 ends an EventSource. Why is in a header, which something in between has taken away here."""
    ada = await open_page("Ada", at=between.url)
    await ada.page.route("**/stream", lambda route: route.fulfill(status=204))
    await between.cut()
    await expect(ada.page.locator("live-comments .state")).to_have_text(
        "The service will not open this stream again.", timeout=20_000
    )
    await ada.page.unroute("**/stream")
    again = ada.page.locator("live-comments header").get_by_role("button", name="Try again")
    await again.press("Enter")
    await ada.is_live()
    await expect(again).to_be_hidden()
    assert await focused(ada.page) == "scroller", "the focus is not lost with the button"


async def test_a_page_that_never_ends_is_given_up_and_the_room_is_shown_all_the_same(open_page, between, post, video):
    """Its head is here, and the first of its body: a proxy has died, or a network has a hole."""
    await post("before")
    between.stalls = f"/comments/{video}"
    ada = await open_page("Ada", at=between.url, hurried=("http.js",))
    await ada.sees("before")


async def test_a_snapshot_that_never_ends_is_given_up_and_asked_for_again(open_page, between, post, video):
    told = json.dumps({"url": f"/comments/{video}/snapshot", "intervalMs": 100})
    between.answer_next_stream(f"event: poll\ndata: {told}\n\nretry: 60000\n\nevent: bye\ndata: {{}}\n\n")
    ada = await open_page("Ada", at=between.url, hurried=("http.js",))
    between.stalls = "/snapshot"
    await ada.state("away", timeout_ms=40_000)
    between.stalls = ""
    await post("meanwhile")
    await ada.sees("meanwhile")


async def test_what_is_no_answer_of_the_service_is_taken_for_none(open_component, cluster, post, video):
    """A network that wants a password first answers everything, and has its own idea of what."""
    await post("before")
    body = f'<live-comments video="{video}-another"></live-comments>'
    ada = await open_component(body=body, token=cluster.token("ada"))
    await ada.page.route(re.compile(f"/comments/{video}[?/]"), lambda route: route.fulfill(json={"portal": True}))
    await ada.run("component.video = given", video)
    await expect(ada.page.locator("live-comments .state")).to_have_text("reconnecting …")
    await ada.page.unroute_all()
    await ada.sees("before")
    await ada.is_live()
    assert ada.errors == []


async def test_a_deleted_comment_loses_its_text(watching, between, post):
    ids = await post("keep this", "take this away")
    await watching.sees("keep this", "take this away")
    await between.say(f'id: {int(ids[-1]) + 1}\nevent: delete\ndata: {{"commentId": "{ids[-1]}"}}\n\n')
    await watching.sees("keep this", "This comment was removed.")


async def test_viewers_are_counted_and_a_sample_is_told_quietly(watching, between):
    await between.say('event: viewers\ndata: {"count": 12843}\n\n')
    await expect(watching.page.locator("live-comments .viewers")).to_have_text("12,843")
    await expect(watching.page.locator("#viewer-count")).to_have_text("12,843")
    state = watching.page.locator("live-comments .state")
    await between.say('event: sampled\ndata: {"shown": 20, "of": 431}\n\n')
    await expect(state).to_have_text("20 of 431 a second")
    await expect(state).to_have_text("live")


async def test_events_of_later_versions_and_broken_ones_are_taken_for_nothing(watching, between, post):
    await between.say("event: fireworks\ndata: {}\n\nevent: viewers\ndata: {broken\n\ndata: null\n\n")
    await post("still here")
    await watching.sees("still here")
    assert watching.errors == []


async def test_a_token_that_stays_refused_ends_it_with_a_reason_and_a_way_back(open_component, site, video, cluster):
    ada = await open_component(token="not-a-token", live=False)
    await expect(ada.page.locator("live-comments .state")).to_have_text(
        "Sign in to join the conversation.", timeout=60_000
    )
    await ada.page.evaluate(
        "(token) => { document.querySelector('live-comments').token = () => token; }", cluster.token("ada")
    )
    await ada.is_live()
