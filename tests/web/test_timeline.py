"""`web/live-comments/timeline.js`: in order, each once, without a hole, never too many. Pure: it runs by itself."""

from __future__ import annotations

import pytest

RUN = """async (body) => {
    const { KEPT_AT_MOST, Timeline } = await import("/web/live-comments/timeline.js");
    const { NUMBERS_AT_MOST, USERS_AT_MOST } = await import("/web/live-comments/removals.js");
    const timeline = new Timeline();
    const comment = (number) => ({ number, id: String(number), userId: "u", message: "m", timestamp: 0 });
    const range = (from, to) => Array.from({ length: to - from + 1 }, (_, at) => comment(from + at));
    const numbers = () => timeline.comments.map(({ number }) => number);
    const add = (from, to) => range(from, to).forEach((one) => timeline.append(one));
    const gone = () => timeline.comments.filter((one) => one.deleted && !one.message).map(({ number }) => number);
    const given = { timeline, comment, range, numbers, add, gone, KEPT_AT_MOST, NUMBERS_AT_MOST, USERS_AT_MOST };
    return new Function(...Object.keys(given), body)(...Object.values(given));
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


LATE = {
    "an older page": "add(5, 7); {remove}; timeline.prepend(range(1, 4), false);",
    "what was skipped": "add(1, 1); add(4, 7); {remove}; timeline.insert(range(2, 3));",
    "the newest page": "add(1, 7); {remove}; timeline.hole(4); timeline.fill(range(1, 5), false);",
    "a beginning anew": "add(1, 7); {remove}; timeline.restart(range(1, 7), false);",
    "a snapshot": "add(1, 1); {remove}; add(2, 7);",
}


@pytest.mark.parametrize("way", LATE)
async def test_what_was_removed_before_it_came_has_no_text_either(run, way):
    """A page that was on its way, or comes from a replica that lags behind."""
    assert await run(LATE[way].replace("{remove}", "timeline.remove(3)") + "return gone();") == [3]


@pytest.mark.parametrize("way", LATE)
async def test_all_that_somebody_had_said_has_no_text_either_and_what_he_says_later_has(run, way):
    body = LATE[way].replace("{remove}", "timeline.removeBy('u', 5)")
    assert await run(f"{body} add(8, 9); return [gone(), numbers().at(-1)];") == [[1, 2, 3, 4, 5], 9]


async def test_what_waits_while_one_reads_can_be_removed_too(run):
    body = """
        add(1, KEPT_AT_MOST);
        timeline.held = true;
        add(KEPT_AT_MOST + 1, KEPT_AT_MOST + 3);
        timeline.remove(KEPT_AT_MOST + 2);
        timeline.release();
        return gone().map((number) => number - KEPT_AT_MOST);
    """
    assert await run(body) == [2]


async def test_removals_are_remembered_up_to_a_limit_and_the_last_ones_longest(run):
    body = """
        add(5000, 5000);
        for (let number = 1; number <= NUMBERS_AT_MOST + 2; number += 1) timeline.remove(number);
        for (let user = 0; user <= USERS_AT_MOST; user += 1) timeline.removeBy(`user ${user}`, 4000);
        const said = (number, userId) => ({ ...comment(number), userId });
        timeline.prepend([...range(1, 5), said(3001, "user 0"), said(3002, "user 1")], false);
        return gone();
    """
    assert await run(body) == [3, 4, 5, 3002]


async def test_who_is_shut_out_twice_stays_without_a_text_up_to_the_later_time(run):
    body = """
        timeline.removeBy("u", 6); timeline.removeBy("u", 3); add(1, 9);
        return gone();
    """
    assert await run(body) == [1, 2, 3, 4, 5, 6]
