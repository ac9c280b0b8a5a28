"""`web/live-comments/timeline.js`: in order, each once, without a hole, never too many. Pure: it runs by itself."""

from __future__ import annotations

import pytest

RUN = """async (body) => {
    const { KEPT_AT_MOST, Timeline } = await import("/web/live-comments/timeline.js");
    const timeline = new Timeline();
    const comment = (number) => ({ number, id: String(number), userId: "u", message: "m", timestamp: 0 });
    const range = (from, to) => Array.from({ length: to - from + 1 }, (_, at) => comment(from + at));
    const numbers = () => timeline.comments.map(({ number }) => number);
    const add = (from, to) => range(from, to).forEach((one) => timeline.append(one));
    return new Function("timeline", "comment", "range", "numbers", "add", "KEPT_AT_MOST", body)(
        timeline, comment, range, numbers, add, KEPT_AT_MOST,
    );
}"""


@pytest.fixture
def run(blank_page):
    """Run a piece of JavaScript with what is tested in it, and return what it returns."""
    return lambda body: blank_page.evaluate(RUN, body)


async def test_a_repeat_is_taken_once(run):
    assert await run("add(1, 3); add(2, 4); return numbers();") == [1, 2, 3, 4]


async def test_a_page_and_what_came_meanwhile_meet_without_a_repeat(run):
    assert await run("add(5, 7); timeline.fill(range(3, 6), false); return numbers();") == [3, 4, 5, 6, 7]


async def test_it_forgets_the_oldest_while_the_newest_are_followed(run):
    body = "add(1, KEPT_AT_MOST + 5); return [numbers()[0], numbers().length === KEPT_AT_MOST, timeline.complete];"
    assert await run(body) == [6, True, False]


async def test_what_is_read_stays_while_new_ones_wait(run):
    body = """
        add(1, KEPT_AT_MOST);
        timeline.held = true;
        add(KEPT_AT_MOST + 1, KEPT_AT_MOST + 20);
        const held = [numbers()[0], numbers().at(-1) - KEPT_AT_MOST, timeline.unread];
        timeline.release();
        return [held, numbers()[0], numbers().at(-1) - KEPT_AT_MOST, timeline.unread, timeline.missing];
    """
    assert await run(body) == [[1, 0, 20], 21, 20, 0, 0]


async def test_too_many_waiting_are_read_again_from_history(run):
    body = """
        add(1, KEPT_AT_MOST);
        timeline.held = true;
        add(KEPT_AT_MOST + 1, KEPT_AT_MOST + 500);
        timeline.release();
        const missing = timeline.missing - KEPT_AT_MOST;
        const after = numbers()[0] - KEPT_AT_MOST;
        const early = timeline.fill(range(missing, missing + 10), false);
        const filled = timeline.fill(range(KEPT_AT_MOST + 290, KEPT_AT_MOST + 480), false);
        const gaps = numbers().some((number, at) => at > 0 && number !== numbers()[at - 1] + 1);
        return [missing, after, early, filled, gaps, numbers().at(-1) - KEPT_AT_MOST];
    """
    assert await run(body) == [300, 301, False, True, False, 500]


async def test_a_hole_is_filled_by_a_page_that_reaches_over_it(run):
    body = """
        add(1, 10); add(20, 22);
        timeline.hole(19);
        const during = numbers();
        const tooEarly = timeline.fill(range(5, 15), false);
        timeline.fill(range(12, 21), false);
        return [during, tooEarly, numbers()];
    """
    assert await run(body) == [[20, 21, 22], False, [12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22]]


async def test_a_hole_does_not_disturb_somebody_who_reads_further_up(run):
    body = """
        add(1, 10);
        timeline.held = true;
        add(20, 22);
        timeline.hole(19);
        const read = numbers();
        timeline.release();
        return [read, numbers(), timeline.missing];
    """
    assert await run(body) == [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [20, 21, 22], 19]


async def test_older_pages_push_the_newest_out_of_sight_but_not_away(run):
    body = """
        add(101, 100 + KEPT_AT_MOST);
        timeline.held = true;
        timeline.prepend(range(51, 100), false);
        const reading = [numbers()[0], numbers().length === KEPT_AT_MOST];
        timeline.release();
        return [reading, numbers().at(-1) - KEPT_AT_MOST, numbers().length === KEPT_AT_MOST];
    """
    assert await run(body) == [[51, True], 100, True]


async def test_an_older_page_that_comes_late_does_not_push_the_newest_out(run):
    body = """
        add(101, 100 + KEPT_AT_MOST);
        timeline.prepend(range(51, 100), false);
        add(101 + KEPT_AT_MOST, 101 + KEPT_AT_MOST);
        return [numbers()[0], numbers().at(-1) - KEPT_AT_MOST, numbers().length === KEPT_AT_MOST];
    """
    assert await run(body) == [102, 101, True]


async def test_a_deleted_comment_loses_its_text(run):
    assert await run("add(1, 2); timeline.remove(1); return timeline.comments[0];") == {
        "number": 1,
        "id": "1",
        "timestamp": 0,
        "deleted": True,
    }
