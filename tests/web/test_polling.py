"""Where comments come by polling: at the pace that was told, slower in need, and with all that a stream would say."""

from __future__ import annotations

import json
import time
from itertools import pairwise

import pytest
from playwright.async_api import Route, expect

from tests.web.test_moderation import HINT, set_state
from tests.web.test_posting import problem
from tests.web.viewer import hide, show, until_quiet

SNAPSHOT = "**/snapshot"


@pytest.fixture
def told_to_poll(between, video):
    """The stream sends everybody away to poll, for a minute."""
    told = json.dumps({"url": f"/comments/{video}/snapshot", "intervalMs": 100})
    between.answer_next_stream(f"event: poll\ndata: {told}\n\nretry: 60000\n\nevent: bye\ndata: {{}}\n\n")


@pytest.fixture
async def polling(told_to_poll, open_component, between, cluster):
    viewer = await open_component(at=between.url, token=cluster.token("ada", name="Ada"))
    await viewer.until("component.client.polling")
    return viewer


async def answer_snapshots(viewer, answer) -> list[float]:
    """Answer all further snapshots so; return when they were asked for, as they are."""
    asked: list[float] = []

    async def refuse(route: Route) -> None:
        asked.append(time.monotonic())
        await route.fulfill(**answer)

    await viewer.page.route(SNAPSHOT, refuse)
    return asked


async def test_a_poll_that_is_told_to_wait_waits(polling, post):
    asked = await answer_snapshots(polling, problem(429, "too_many_requests", **{"Retry-After": "2"}))
    await polling.state("away")
    await polling.page.unroute(SNAPSHOT)
    told = asked[-1]
    await post("meanwhile")
    await polling.sees("meanwhile")
    assert time.monotonic() - told >= 2
    assert len(asked) == 1
    await polling.state("live")


async def test_polls_that_fail_come_ever_more_rarely(polling):
    asked = await answer_snapshots(polling, problem(503, "unavailable"))
    await polling.state("away")
    waits: list[float] = []
    while len(waits) < 4 or waits[-1] <= 3 * waits[0]:
        assert len(waits) < 8, waits  # a busy machine adds to each of them
        await polling.page.wait_for_event("request", lambda one: one.url.endswith("/snapshot"))
        waits = [later - earlier for earlier, later in pairwise(asked)]
    await polling.page.unroute(SNAPSHOT)
    await polling.state("live")


async def test_a_page_that_nobody_sees_polls_seldom_and_at_once_when_somebody_does(polling, post):
    await hide(polling.page)
    await until_quiet(polling.page, "/snapshot")
    await post("meanwhile")
    async with polling.page.expect_request(SNAPSHOT, timeout=10_000):  # sooner than it would ask by itself
        await show(polling.page)
    await polling.sees("meanwhile")


async def test_somebody_who_is_shut_out_while_he_polls_is_told_so(polling):
    await answer_snapshots(polling, problem(403, "banned"))
    await expect(polling.page.locator("live-comments .state")).to_have_text("You cannot take part here any more.")
    assert await polling.run("component.state") == "ended"


async def test_a_token_that_is_not_taken_while_one_polls_is_renewed_and_in_the_end_it_is_over(
    told_to_poll, open_component, between, cluster
):
    given = json.dumps(cluster.token("ada"))
    script = f"""
        window.asked = [];
        document.querySelector("live-comments").token = (renew) => (window.asked.push(renew), {given});
    """
    ada = await open_component(script, at=between.url)
    await ada.until("component.client.polling")
    await answer_snapshots(ada, problem(401, "no_token"))
    await expect(ada.page.locator("live-comments .state")).to_have_text("Sign in to join the conversation.")
    assert await ada.run("window.asked") == [False, True, True, True]


async def test_who_polls_hears_of_a_pause_and_of_its_end(polling, cluster, site, video):
    host = cluster.token("hana", role="host", videos=[video])
    await set_state(site, video, host, paused=True)
    await expect(polling.page.locator(HINT)).to_have_text("Comments are paused.")
    await set_state(site, video, host, paused=False, slowModeS=5)
    await expect(polling.page.locator(HINT)).to_have_text("Slow mode: one comment in 5 seconds")


SNAPSHOTS = """async (all) => {
    const { Snapshots } = await import("/web/live-comments/snapshots.js");
    const snapshots = new Snapshots();
    return all.map((one) => {
        if (!one) return snapshots.forget() ?? null;
        const [numbers, newest] = one;
        return snapshots.removed({ comments: numbers.map((number) => ({ number })), newest });
    });
}"""


@pytest.mark.parametrize(
    ("snapshots", "removed"),
    [
        ([([1, 2, 3], 3), ([1, 3, 4], 4)], [[], [2]]),
        ([([1, 2, 3], 3), ([2, 3, 4], 4)], [[], []]),  # 1 has made room
        ([([1, 2, 3], 3), ([1, 2], 4)], [[], [3]]),
        ([([1, 2, 3], 3), ([1, 2], 2), ([1, 2, 3], 3)], [[], [], []]),  # of an edge that is a little behind
        ([([1, 2, 3], 3), ([1, 2], 2), ([1, 2], 4)], [[], [], [3]]),
        ([([1, 2, 3], 3), None, ([1, 3], 3)], [[], None, []]),  # the stream has said it
    ],
)
async def test_what_is_gone_from_a_snapshot_was_removed(blank_page, snapshots, removed):
    assert await blank_page.evaluate(SNAPSHOTS, snapshots) == removed
