"""What a watcher is held to account for, when a comment is due, and what happens in a story."""

from __future__ import annotations

import itertools

import pytest

from bench.ledger import Verdict
from load.seen import GRACE_S, Seen, Watch
from load.stamp import Stamps, stamped
from load.stories import STORIES
from wire.comment import encode_payload, event_data
from wire.message import MAX_CODE_POINTS, check_message


def watch(*numbers: int, since: int = 0) -> Watch:
    watching = Watch(Seen(), since)
    for number in numbers:
        watching.add(number)
    return watching


def accepted(*numbers: int, at: float = 100.0) -> list[tuple[int, float]]:
    return [(number, at) for number in numbers]


def test_who_got_everything_once_and_in_order_was_served():
    assert watch(5, 6, 9).judge(accepted(5, 6, 9)) == Verdict(3)


def test_what_never_came_is_missed_and_what_was_there_before_is_not_owed():
    assert watch(5, 9, since=4).judge(accepted(3, 5, 6, 9)) == Verdict(3, missed=1)


def test_what_comes_twice_or_late_is_counted_and_not_missed():
    watching = watch(5, 7, 6, 7)
    assert watching.judge(accepted(5, 6, 7)) == Verdict(3, repeated=1, out_of_order=1)


def test_more_than_the_posters_know_of_is_no_fault():
    assert watch(5, 6, 7).judge(accepted(5)) == Verdict(1)


def test_watchers_share_one_list_and_each_is_judged_by_what_it_got_itself():
    seen = Seen()
    first, second = Watch(seen, 0), Watch(seen, 0)
    for number in range(1, 2000):
        first.add(number)
        if number != 1000:
            second.add(number)
    everything = accepted(*range(1, 2000))
    assert first.judge(everything) == Verdict(1999)
    assert second.missing(everything) == [1000]


def test_who_left_is_owed_what_was_accepted_well_before_and_all_that_lies_before_what_it_saw():
    left = watch(5, 9)
    left.left_at = 100.0
    late = [(11, 100.0 - GRACE_S + 1)]
    assert left.judge(accepted(5, 9, at=99.9) + late) == Verdict(2)
    assert left.judge(accepted(5, 7, 9, at=99.9)) == Verdict(3, missed=1)
    assert left.judge([(11, 100.0 - GRACE_S - 1)]) == Verdict(1, missed=1)


def test_who_was_shown_a_sample_is_owed_what_others_were_shown_and_nothing_else():
    seen = Seen()
    first, second = Watch(seen, 0), Watch(seen, 0)
    for number in (5, 7):
        first.add(number)
    second.add(5)
    second.sampled = True
    assert first.judge(accepted(5, 6, 7, 8)) == Verdict(2)
    assert second.judge(accepted(5, 6, 7, 8)) == Verdict(2, missed=1)


def test_the_time_when_a_comment_was_due_is_read_out_of_its_event():
    text = check_message(stamped("abc123", 1_700_000_000_000_001, '"message":"abc1239999999999999999 "'))
    data = event_data(7, 1, encode_payload("user", text)).decode()
    assert Stamps("abc123").due_us(data) == 1_700_000_000_000_001
    assert Stamps("abc124").due_us(data) is None


def test_the_longest_text_stays_one_that_may_be_said():
    assert len(check_message(stamped("abc123", 1_700_000_000_000_001, "x" * MAX_CODE_POINTS))) == MAX_CODE_POINTS


@pytest.mark.parametrize("story", STORIES.values(), ids=lambda story: story.name)
def test_a_story_goes_evenly_from_moment_to_moment(story):
    shares = [step / 1000 for step in range(1001)]
    moments = [story.at(share) for share in shares]
    assert all(0 <= moment.watching <= 1 and 0 <= moment.rate <= story.peak for moment in moments)
    assert all(abs(one.watching - other.watching) < 0.1 for one, other in itertools.pairwise(moments))


def test_a_goal_jumps_and_dies_down():
    goal = STORIES["goal"]
    assert goal.at(0.3).rate == 1
    assert goal.at(0.42).rate == 25
    assert 2 < goal.at(0.6).rate < 10
    assert goal.at(1).rate == 1
