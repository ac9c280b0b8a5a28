"""A lively chat flows: nothing jumps, no frame is lost, and neither the document nor memory grows."""

from __future__ import annotations

import asyncio
import statistics

import pytest

from tests.web.lively import Lively

ROWS_AT_MOST = 200
TRIES = 4

MEASURE_SHIFTS = """(() => {
    window.shifted = 0;
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
    }).observe({ type: "layout-shift", buffered: true });
})()"""

COUNT_FRAMES = """new Promise((resolve) => {
    const until = performance.now() + given * 1000;
    let frames = 0;
    const next = (now) => {
        if (now >= until) resolve(frames / given);
        else {
            frames += 1;
            requestAnimationFrame(next);
        }
    };
    requestAnimationFrame(next);
})"""

# A hundred paragraphs a second, one by one, in a box like the component's.
PLAIN_TEXT = """(() => {
    const box = document.createElement("div");
    box.style.cssText = "position: fixed; inset: 0; overflow: auto; background: Canvas; font: 15px system-ui";
    document.body.append(box);
    const began = performance.now();
    let added = 0;
    const add = () => {
        for (; added < (performance.now() - began) / 10; added += 1) {
            const text = document.createElement("p");
            text.textContent = "somebody " + "and more of it ".repeat(added % 7);
            box.append(text);
            if (box.children.length > 150) box.firstElementChild.remove();
        }
        box.scrollTop = box.scrollHeight;
        window.adding = requestAnimationFrame(add);
    };
    add();
    window.endPlainText = () => { cancelAnimationFrame(window.adding); box.remove(); };
})()"""


@pytest.fixture
def lively(between):
    return Lively(between)


async def test_nothing_jumps_from_the_first_moment_to_a_hundred_comments_a_second(open_page, between, lively, post):
    await post(*(f"before {number}" for number in range(20)))
    ada = await open_page("Ada", at=between.url)
    await ada.run(MEASURE_SHIFTS)
    await ada.say("and mine")
    await lively.say(per_s=10, seconds=1)
    await lively.say(per_s=100, seconds=4)
    await ada.until("texts().at(-1).startsWith(given)", f"comment {lively.said} ")
    assert await ada.rows() <= ROWS_AT_MOST
    assert await ada.run("window.shifted") < 0.02


async def test_a_room_that_fills_from_nothing_does_not_jump(open_page, between, lively):
    ada = await open_page("Ada", at=between.url)
    await ada.run(MEASURE_SHIFTS)
    await lively.say(per_s=20, seconds=2)
    await ada.until("texts().length === 40")
    assert await ada.run("window.shifted") < 0.02


async def test_a_hundred_comments_a_second_cost_no_frames(open_component, between, lively, cluster, figures):
    """As many frames as plain paragraphs have that are added and scrolled to at that rate in the cheapest way: what a
    frame costs at least is the browser's affair, and the machine's. Others on the machine make it a matter of tries.
    """
    ada = await open_component(at=between.url, token=cluster.token("ada"), width=400, height=600)
    profile = await ada.page.context.new_cdp_session(ada.page)
    await profile.send("Performance.enable", {"timeDomain": "threadTicks"})
    plain_rates, rates, shares = [], [], []
    for _ in range(2 * TRIES):
        await ada.run(PLAIN_TEXT)
        plain = await ada.run(COUNT_FRAMES, 3)
        await ada.run("window.endPlainText()")
        before = await task_seconds(profile)
        saying = asyncio.create_task(lively.say(per_s=100, seconds=3.5))
        frames = await ada.run(COUNT_FRAMES, 3)
        await saying
        used_s = await task_seconds(profile) - before
        figures(f"frames a second: plain text {plain:.1f}, comments {frames:.1f}; main thread {used_s / 3.5:.0%} busy")
        plain_rates.append(plain)
        rates.append(frames)
        shares.append(used_s / 3.5)
        if max(rates) >= 0.9 * statistics.median(plain_rates) and min(shares) < 0.5:
            return
    pytest.fail("frames were dropped, or half of the time was spent on comments")


async def task_seconds(profile) -> float:
    metrics = (await profile.send("Performance.getMetrics"))["metrics"]
    return next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")


async def test_what_comes_in_one_flush_is_spread_over_the_time_to_the_next(open_page, between, lively):
    ada = await open_page("Ada", at=between.url)
    await lively.say(per_s=50, seconds=1)
    await ada.run(
        """new MutationObserver((changes) => window.added.push(
            changes.reduce((sum, { addedNodes }) => sum + addedNodes.length, 0))).observe(list, { childList: true })"""
    )
    for _ in range(TRIES):
        await ada.run("window.added = []")
        await lively.say(per_s=50, seconds=3)
        await ada.until("texts().at(-1).startsWith(given)", f"comment {lively.said} ")
        added = await ada.run("window.added")
        assert sum(added) >= 150
        # Five in each of 30 flushes: most come by ones and twos, and hardly ever all five at once. A browser that gets
        # to draw only now and then, for others have the machine, has no other way.
        if len(added) >= 75 and sum(1 for count in added if count >= 5) <= 6:
            return
    pytest.fail("flushes came in whole")
