"""`web/live-comments/pace.js`: what arrives together is spread over the time to the next. Pure: it runs by itself."""

from __future__ import annotations

import pytest

RUN = """async (body) => {
    const { Pace } = await import("/web/live-comments/pace.js");
    const pace = new Pace();
    const flushes = (count, size, gapMs) => {
        let number = 0;
        for (let flush = 0; flush < count; flush += 1) {
            const numbers = Array.from({ length: size }, () => (number += 1));
            pace.upTo(flush * gapMs);
            pace.arrived(numbers, flush * gapMs);
        }
        return (count - 1) * gapMs;
    };
    return new Function("pace", "flushes", body)(pace, flushes);
}"""


@pytest.fixture
def run(blank_page):
    """Run a piece of JavaScript with what is tested in it, and return what it returns."""
    return lambda body: blank_page.evaluate(RUN, body)


async def test_a_comment_that_comes_alone_is_shown_at_once(run):
    assert await run("pace.arrived([7], 1000); return pace.upTo(1000);") == 7


async def test_a_flush_lasts_until_the_next(run):
    body = """
        const last = flushes(20, 10, 100);
        return [0, 25, 50, 75, 99].map((after) => pace.upTo(last + after) - 190);
    """
    shown = await run(body)
    assert shown[0] == 1
    assert shown == sorted(shown)
    assert 3 <= shown[1] <= 4
    assert 5 <= shown[2] <= 7
    assert shown[4] == 10


async def test_nothing_waits_longer_than_the_bound(run):
    body = "const last = flushes(10, 5, 900); const one = pace.upTo(last); return [one, pace.upTo(last + 150)];"
    assert await run(body) == [46, 50]


async def test_a_burst_after_an_absence_is_shown_at_once(run):
    body = """
        flushes(10, 2, 100);
        pace.arrived(Array.from({ length: 61 }, (_, at) => 100 + at), 1000);
        return [pace.upTo(1000), pace.waiting];
    """
    assert await run(body) == [160, 0]


async def test_ones_own_comment_takes_those_before_it_along(run):
    body = """
        const last = flushes(10, 4, 100);
        pace.flush(38);
        return [pace.upTo(last), pace.waiting, pace.upTo(last + 99)];
    """
    assert await run(body) == [38, 2, 40]
