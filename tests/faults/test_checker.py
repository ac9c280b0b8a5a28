"""Each promise, broken once in a run that is small enough to be read."""

from __future__ import annotations

import pytest

from faults.checker import check
from faults.index import AmbiguousError
from faults.ledger import Fired, Ledger, Needs, Said, Told
from faults.verdict import Check, Where
from tests.faults.made_up import MS, VIDEO, MadeUp, found


@pytest.fixture
def run() -> MadeUp:
    return MadeUp()


# A run in which everything went well, or went wrong as it may.


def test_a_run_without_a_fault_is_clean(run):
    first, second = run.post("one"), run.post("two", 202)
    viewer = run.viewer()
    third = run.post("three")
    run.show(viewer, third)
    viewer.to_the_end = True
    run.page(200, first, second, third)
    assert not found(run.read())


def test_an_unknown_comment_may_be_there_or_not(run):
    run.attempt("maybe", 0)
    run.store("perhaps")
    run.attempt("perhaps", 503)
    run.attempt("gone", 504)
    verdict = check(run.read())
    assert not verdict.violations
    assert (verdict.figures.unknown, verdict.figures.unknown_kept) == (3, 1)


def test_a_repeat_that_is_answered_with_the_first_number_is_one_comment(run):
    said = run.store("again")
    run.attempt("again", 0)
    run.attempt("again", 202, said.number)
    run.attempt("again", 201, said.number)
    verdict = check(run.read())
    assert not verdict.violations
    assert verdict.figures.acknowledged == 1


def test_a_refusal_among_repeats_leaves_a_silence_unknown(run):
    run.store("slow")
    run.attempt("slow", 0)
    run.attempt("slow", 429)
    assert not found(run.read())


def test_a_viewer_without_a_position_is_owed_what_comes_after_its_sync(run):
    run.post("before")
    viewer = run.viewer(None)
    after = run.post("after")
    run.show(viewer, after)
    viewer.to_the_end = True
    assert not found(run.read())


def test_a_viewer_that_comes_back_without_a_position_is_not_owed_what_passed_meanwhile(run):
    viewer = run.viewer(None)
    run.close(viewer)
    run.post("while it was away")
    run.connect(viewer, None)
    run.show(viewer, run.post("when it was back"))
    viewer.to_the_end = True
    verdict = check(run.read())
    assert not verdict.violations
    assert (verdict.figures.owed, verdict.figures.told_missing) == (1, 0)


def test_a_viewer_that_leaves_is_owed_nothing_after_that(run):
    viewer = run.viewer()
    run.show(viewer, run.post("while it was there"))
    run.close(viewer)
    run.post("after it left")
    assert not found(run.read())


def test_a_viewer_that_is_told_what_it_missed_has_missed_nothing(run):
    viewer = run.viewer()
    run.show(viewer, run.post("one"))
    run.close(viewer)
    missed = [run.post(str(number)) for number in range(5)]
    run.connect(viewer, 101, complete=False, **{"from": str(missed[0].number), "to": str(missed[-1].number)})
    run.show(viewer, run.post("back"))
    viewer.to_the_end = True
    verdict = check(run.read())
    assert not verdict.violations
    assert verdict.figures.told_missing == 5


# What history holds.


@pytest.mark.parametrize(("lost", "where"), [(0, Where.BEGINNING), (1, Where.MIDDLE), (2, Where.END)])
def test_an_acknowledged_comment_that_is_not_in_history_is_lost(run, lost, where):
    said = [run.post(text) for text in ("one", "two", "three")]
    del said[lost]
    verdict = check(run.read(*said))
    assert verdict.losses() == {(Check.KEPT, where): 1}
    assert set(verdict.by_check()) == {Check.KEPT}


def test_a_comment_that_nobody_attempted_must_not_be_in_history(run):
    run.post("one")
    run.store("out of nowhere")
    assert found(run.read()) == {Check.ATTEMPTED}


def test_words_that_were_changed_are_nobodys(run):
    said = run.post("as sent")
    assert found(run.read(said._replace(text="as sent?"))) >= {Check.ATTEMPTED, Check.KEPT}


def test_an_acknowledged_comment_must_not_be_stored_twice(run):
    run.post("one")
    run.store("one")
    assert found(run.read()) == {Check.ONCE}


def test_an_unknown_comment_must_not_be_stored_twice(run):
    run.attempt("maybe", 503)
    run.store("maybe")
    run.store("maybe")
    assert found(run.read()) == {Check.UNKNOWN_ONCE}


def test_a_comment_without_a_key_must_not_be_stored_twice_either(run):
    run.attempt("keyless", 0).key = None
    run.store("keyless")
    run.store("keyless")
    assert found(run.read()) == {Check.UNKNOWN_ONCE}


def test_a_refused_comment_must_not_be_in_history(run):
    run.attempt("too long", 400)
    run.store("too long")
    assert found(run.read()) == {Check.REFUSED}


def test_a_repeat_must_not_get_another_number(run):
    said = run.post("one")
    run.attempt("one", 201, said.number + 7)
    assert Check.KEY in found(run.read())


def test_a_body_that_came_later_under_the_same_key_must_not_win(run):
    run.attempt("first", 201, 101, key="key")
    run.attempt("second", 201, 101, key="key")
    run.store("second")
    assert found(run.read()) == {Check.KEY}


def test_of_two_bodies_that_went_together_either_may_win(run):
    first, second = run.attempt("first", 201, 101, key="key"), run.attempt("second", 201, 101, key="key")
    second.began_ns = first.began_ns
    run.store("second")
    assert not found(run.read())


def test_two_comments_must_not_say_the_same_or_nothing_could_be_told(run):
    run.post("one")
    run.attempt("one", 201, 105, key="another")
    with pytest.raises(AmbiguousError):
        check(run.read())


# Numbers and times.


def test_a_number_must_not_be_acknowledged_for_two_comments(run):
    said = run.post("one")
    run.attempt("two", 201, said.number)
    assert Check.NUMBERS in found(run.read())


def test_a_number_must_not_be_shown_with_two_texts(run):
    viewer = run.viewer()
    one = run.post("one")
    run.show(viewer, one)
    run.attempt("two", 503)
    assert Check.NUMBERS in found(run.read(one._replace(text="two")))


def test_two_videos_of_a_shard_share_no_number(run):
    run.post("one")
    other = Said("other", 101, "ada", "elsewhere", 1)
    run.attempt("elsewhere", 201, 101).video = "other"
    run.ledger.readings.append(type(run.read().readings[0])("other", "asc", (run.ledger.place(other),)))
    assert found(run.ledger) == {Check.NUMBERS}


def test_a_comment_has_one_time_live_and_in_history(run):
    viewer = run.viewer()
    said = run.post("one")
    run.show(viewer, said._replace(posted_ms=said.posted_ms + 1))
    assert found(run.read()) == {Check.TIMES}


def test_a_comment_that_was_sent_after_another_was_acknowledged_comes_after_it(run):
    first, second = run.store("second"), run.store("first")
    run.attempt("first", 201, second.number)
    run.attempt("second", 201, first.number)
    assert found(run.read()) == {Check.REAL_TIME}


def test_comments_that_were_on_their_way_together_may_come_in_either_order(run):
    second, first = run.store("second"), run.store("first")
    began = run.attempt("first", 201, first.number).began_ns
    run.attempt("second", 201, second.number).began_ns = began
    assert not found(run.read())


# Pages.


def test_pages_must_not_overlap(run):
    said = [run.post(text) for text in ("one", "two", "three")]
    run.read(sort="desc")
    assert found(run.read(said[0], said[1], said[1], said[2], sort="asc")) == {Check.PAGES}


def test_a_comment_must_not_fall_between_two_pages(run):
    said = [run.post(text) for text in ("one", "two", "three")]
    run.read(sort="desc")
    assert found(run.read(said[0], said[2], sort="asc")) == {Check.PAGES}


def test_a_page_must_not_be_out_of_order(run):
    said = [run.post(text) for text in ("one", "two", "three")]
    run.read(sort="asc")
    assert found(run.read(said[1], said[0], said[2], sort="desc")) == {Check.PAGES}


def test_a_comment_that_was_answered_201_is_in_the_next_page(run):
    run.post("one")
    run.page(200)
    assert found(run.read()) == {Check.READABLE}


def test_a_replica_may_be_behind_by_so_much_and_no_more(run):
    run.post("one")
    run.page(200)
    ledger = run.read()
    [answered_ns] = [attempt.ended_ns for attempt in ledger.attempts]
    apart_s = (ledger.pages[0].began_ns - answered_ns) / 1e9
    assert apart_s > 0
    assert not check(ledger, replica_lag_s=1.5 * apart_s).violations
    late = check(ledger, replica_lag_s=0.5 * apart_s).violations
    assert {one.check for one in late} == {Check.READABLE}


def test_a_comment_that_was_answered_202_may_take_its_time(run):
    run.post("one", 202)
    run.page(200)
    assert not found(run.read())


def test_a_page_says_nothing_of_what_lies_beyond_it(run):
    said = [run.post(text) for text in ("one", "two", "three")]
    run.page(said[2].number, said[1], whole=False)
    assert not found(run.read())


def test_what_a_page_has_shown_stays(run):
    one = run.post("one")
    run.attempt("two", 503)
    run.page(200, one, one._replace(number=102, text="two"))
    assert found(run.read(one)) == {Check.STABLE}


# Viewers.


def test_a_viewer_must_not_be_shown_a_comment_twice(run):
    viewer = run.viewer()
    one = run.post("one")
    run.show(viewer, one, one)
    assert found(run.read()) == {Check.SHOWN_ONCE}


def test_a_viewer_must_not_be_shown_a_comment_again_after_it_came_back(run):
    viewer = run.viewer()
    one = run.post("one")
    run.show(viewer, one)
    run.close(viewer)
    run.connect(viewer, one.number)
    run.show(viewer, one)
    assert found(run.read()) == {Check.SHOWN_ONCE}


def test_a_viewer_sees_historys_order(run):
    viewer = run.viewer()
    one, two = run.post("one"), run.post("two")
    run.show(viewer, two, one)
    assert found(run.read()) == {Check.ORDER}


def test_a_viewer_must_not_be_shown_what_is_not_kept(run):
    viewer = run.viewer()
    one = run.post("one")
    run.show(viewer, one)
    run.attempt("two", 503)
    run.show(viewer, one._replace(number=102, text="two"))
    assert found(run.read(one)) == {Check.SHOWN_KEPT}


def test_a_viewer_must_not_be_shown_other_words(run):
    viewer = run.viewer()
    one = run.post("a\nb")
    run.show(viewer, one._replace(text="a b"))
    assert Check.SHOWN_KEPT in found(run.read())


@pytest.mark.parametrize(("missed", "where"), [(0, Where.BEGINNING), (1, Where.MIDDLE), (2, Where.END)])
def test_a_viewer_that_follows_must_not_miss_a_comment(run, missed, where):
    viewer = run.viewer()
    viewer.to_the_end = True
    said = [run.post(text) for text in ("one", "two", "three")]
    run.show(viewer, *(one for place, one in enumerate(said) if place != missed))
    assert check(run.read()).losses() == {(Check.FOLLOWED, where): 1}


def test_a_viewer_must_not_miss_what_was_said_while_it_reconnected(run):
    viewer = run.viewer()
    one = run.post("one")
    run.show(viewer, one)
    run.close(viewer)
    run.post("two")
    run.connect(viewer, one.number)
    del viewer.shown[1:], viewer.shown_ns[1:]
    viewer.steps = [(min(place, 1), step) for place, step in viewer.steps]
    run.show(viewer, run.post("three"))
    (violation,) = check(run.read()).violations
    assert violation.check is Check.FOLLOWED
    assert "between replay and live" in violation.detail


def test_a_viewer_that_leaves_in_between_must_not_have_missed_anything_before(run):
    viewer = run.viewer()
    run.post("missed")
    run.show(viewer, run.post("shown"))
    run.close(viewer)
    assert found(run.read()) == {Check.FOLLOWED}


def test_being_told_of_one_range_excuses_no_other(run):
    viewer = run.viewer()
    run.show(viewer, run.post("one"))
    run.close(viewer)
    missed = [run.post(str(number)) for number in range(3)]
    run.connect(viewer, 101, complete=False, **{"from": str(missed[0].number), "to": str(missed[0].number)})
    run.show(viewer, missed[2])
    (violation,) = check(run.read()).violations
    assert (violation.check, violation.number) == (Check.FOLLOWED, missed[1].number)


def test_a_second_sync_does_not_excuse_what_a_viewer_without_a_position_missed(run):
    viewer = run.viewer(None)
    missed = run.post("one")
    viewer.step(Told(run.tick(), "sync", missed.number, {"resumed": False, "complete": True}))
    assert found(run.read()) == {Check.FOLLOWED}


def test_a_viewer_that_was_never_let_in_is_not_forgotten(run):
    run.post("one")
    viewer = run.viewer(None)
    viewer.steps.clear()
    viewer.to_the_end = True
    assert found(run.read()) == {Check.FOLLOWED}


def test_a_position_is_never_refused(run):
    viewer = run.viewer()
    run.close(viewer, "400 bad_request", refused=True)
    run.post("one")
    assert found(run.read()) == {Check.WELCOME}


# Faults, and what makes a run worth something.


def test_a_silence_is_noticed_in_time(run):
    run.post("one")
    run.silence(3.5)
    assert not found(run.read())


@pytest.mark.parametrize("noticed_s", [None, 10.5])
def test_a_silence_that_is_not_noticed_in_time_is_told(run, noticed_s):
    run.post("one")
    run.silence(noticed_s)
    assert found(run.read()) == {Check.NOTICED}


def test_what_does_not_come_back_is_told(run):
    run.post("one")
    run.ledger.trouble.append("history could not be read")
    verdict = check(run.read())
    assert {violation.check for violation in verdict.violations} == {Check.RECOVERED}
    assert verdict.exit_status == 1


def good_run(run: MadeUp) -> Ledger:
    run.ledger.faults.append(Fired("kill", "edge", 0, 0))
    viewer = run.viewer()
    run.close(viewer)
    run.connect(viewer, 0)
    run.show(viewer, run.post("one"))
    viewer.to_the_end = True
    return run.read()


def test_a_run_that_tried_enough_counts(run):
    assert check(good_run(run)).exit_status == 0


@pytest.mark.parametrize(
    "needs",
    [Needs(faults=2), Needs(acknowledged=2), Needs(reconnects=2), Needs(followed_to_the_end=2), Needs(begun_per_s=2)],
    ids=["faults", "acknowledged", "reconnects", "followed to the end", "begun in a second"],
)
def test_a_run_that_tried_too_little_is_void(run, needs):
    ledger = good_run(run)
    ledger.needs = needs
    verdict = check(ledger)
    assert len(verdict.void) == 1
    assert verdict.exit_status == 2


def test_the_median_second_counts_those_in_which_nothing_was_begun(run):
    for second, count in enumerate([9, 2, 0, 0, 4, 3, 9]):  # neither the first one nor the last was whole
        run.now_ns = second * 1_000 * MS
        for number in range(count):
            run.post(f"{second} {number}")
    assert check(run.read()).figures.begun_per_s == 2


@pytest.mark.parametrize(("stopped", "excused"), [("writer", True), ("nats", False), ("write", False)])
def test_who_is_stopped_need_not_notice_that_a_connection_is_silent(run, stopped, excused):
    run.post("one")
    run.silence(None)
    silence = run.ledger.faults[-1]
    run.ledger.faults.append(Fired("stop", stopped, silence.ended_ns - 1, silence.ended_ns + 1))
    assert (not check(run.read()).violations) is excused


def test_a_fault_that_could_not_be_done_does_not_count(run):
    ledger = good_run(run)
    ledger.faults = [Fired("kill", "edge", 0, 0, fired=False)]
    assert check(ledger).exit_status == 2


def test_a_run_in_which_viewers_were_told_too_often_that_something_is_missing_is_void(run):
    ledger = good_run(run)
    viewer = ledger.lives[0]
    run.close(viewer)
    run.connect(viewer, 101, complete=False, **{"from": "102", "to": "1000000"})
    for number in range(10):
        run.post(str(number))
    ledger.readings.clear()
    verdict = check(run.read())
    assert not verdict.violations
    assert verdict.exit_status == 2


def test_a_violation_outweighs_a_void(run):
    run.post("one")
    ledger = run.read(run.store("nobody's"))
    assert check(ledger).void
    assert check(ledger).exit_status == 1


def test_the_video_of_a_violation_is_told(run):
    run.post("one")
    (violation,) = check(run.read(run.post("two"))).violations
    assert violation.video == VIDEO
