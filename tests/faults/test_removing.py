"""What was removed, and who was shut out: each promise kept as it may be, and broken once."""

from __future__ import annotations

import pytest

from faults.checker import check
from faults.ledger import Fired, Needs
from faults.verdict import Check
from tests.faults.made_up import MS, MadeUp, found, tombstone

S = 1_000 * MS


@pytest.fixture
def run() -> MadeUp:
    return MadeUp()


# What may be.


def test_a_removed_comment_is_a_tombstone_and_whoever_follows_is_told(run):
    viewer = run.viewer()
    one, two = run.post("one"), run.post("two")
    run.show(viewer, one, two)
    run.tell(viewer, run.remove(one))
    viewer.to_the_end = True
    verdict = check(run.read())
    assert not verdict.violations
    assert (verdict.figures.removals, verdict.figures.tombstones, verdict.figures.owed) == (1, 1, 1)


def test_one_who_comes_later_is_told_of_a_removal_and_not_shown_what_was_removed(run):
    one = run.post("one")
    ruling = run.remove(one)
    viewer = run.viewer(0)
    run.tell(viewer, ruling)
    viewer.to_the_end = True
    assert not found(run.read())


@pytest.mark.parametrize("removed", [True, False])
def test_a_removal_that_was_not_answered_may_have_been_done_or_not(run, removed):
    one = run.post("one")
    run.remove(one, 503)
    assert not found(run.read(tombstone(one) if removed else one))


def test_an_unknown_comment_that_was_removed_with_its_author_is_at_most_a_tombstone(run):
    run.attempt("maybe", 503)
    run.store("maybe")
    run.shut_out()
    verdict = check(run.read())
    assert not verdict.violations
    assert verdict.figures.tombstones == 1


def test_who_was_shut_out_is_refused_and_speaks_again_when_let_in(run):
    run.post("before")
    run.shut_out()
    run.now_ns += 10 * S
    run.attempt("meanwhile", 403)
    run.let_in()
    run.post("after")
    assert not found(run.read())


def test_a_text_that_was_on_its_way_may_be_seen_by_who_was_there_before(run):
    viewer = run.viewer()
    one = run.post("one")
    ruling = run.remove(one)
    run.now_ns += 10 * S
    run.show(viewer, one)
    run.tell(viewer, ruling)
    viewer.to_the_end = True
    assert not found(run.read())


def test_an_edge_that_could_not_hear_of_a_removal_may_show_the_text(run):
    one = run.post("one")
    ruling = run.remove(one)
    run.now_ns += 10 * S
    run.ledger.faults.append(Fired("silence", "edge-1-nats", run.now_ns - S, run.now_ns + S))
    viewer = run.viewer(0)
    run.show(viewer, one)
    run.tell(viewer, ruling)
    assert not found(run.read())


# What must not be.


def test_a_removed_comment_must_not_be_in_history(run):
    one = run.post("one")
    run.remove(one)
    assert found(run.read(one)) == {Check.REMOVED}


def test_what_was_said_before_a_ban_must_not_be_in_history_and_what_was_said_later_must(run):
    one = run.post("one")
    run.shut_out()
    run.let_in()
    two = run.post("two")
    assert found(run.read(one, two)) == {Check.REMOVED}
    run.ledger.readings.clear()
    assert found(run.read(tombstone(one), tombstone(two))) == {Check.ASKED}


def test_a_removed_comment_must_leave_its_tombstone(run):
    one, two = run.post("one"), run.post("two")
    run.remove(one)
    assert found(run.read(two)) == {Check.KEPT}


def test_an_acknowledged_comment_must_not_be_unknown_to_who_would_remove_it(run):
    one = run.post("one")
    run.rule("delete", 404, one.number).code = "no_comment"
    assert found(run.read()) == {Check.REMOVED}


def test_nothing_must_be_removed_that_nobody_asked_for(run):
    one, two = run.post("one"), run.post("two")
    run.remove(one)
    assert found(run.read(tombstone(one), tombstone(two))) == {Check.ASKED}


def test_a_refused_removal_must_not_be_done(run):
    one = run.post("one")
    run.remove(one, 403)
    assert found(run.read()) == {Check.ASKED}


def test_a_removed_text_must_not_be_shown_to_who_comes_later(run):
    one = run.post("one")
    ruling = run.remove(one)
    run.now_ns += 10 * S
    viewer = run.viewer(0)
    run.show(viewer, one)
    run.tell(viewer, ruling)
    assert found(run.read()) == {Check.HIDDEN}


def test_a_removed_text_must_not_be_in_a_later_page(run):
    one = run.post("one")
    run.remove(one)
    run.now_ns += 10 * S
    run.page(200, one)
    assert found(run.read()) == {Check.HIDDEN}


def test_a_viewer_that_follows_must_be_told_of_a_removal(run):
    viewer = run.viewer()
    one = run.post("one")
    run.show(viewer, one)
    run.remove(one)
    run.show(viewer, run.post("two"))
    assert found(run.read()) == {Check.TOLD}


def test_a_viewer_must_not_be_told_of_a_removal_twice(run):
    viewer = run.viewer()
    one = run.post("one")
    run.show(viewer, one)
    ruling = run.remove(one)
    run.tell(viewer, ruling)
    run.tell(viewer, ruling)
    assert found(run.read()) == {Check.ORDER}


def test_one_who_is_shut_out_must_not_be_heard(run):
    run.shut_out()
    run.now_ns += 10 * S
    run.post("all the same")
    run.let_in()
    assert found(run.read()) == {Check.BANNED}


def test_a_removal_must_not_have_the_number_of_a_comment(run):
    one, two = run.post("one"), run.post("two")
    run.remove(one).number = two.number
    assert found(run.read()) == {Check.NUMBERS}


def test_the_time_of_a_tombstone_is_that_of_its_comment(run):
    viewer = run.viewer()
    one = run.post("one")
    run.show(viewer, one)
    run.tell(viewer, run.remove(one))
    assert found(run.read(tombstone(one)._replace(posted_ms=one.posted_ms + 1))) == {Check.TIMES}


def test_a_run_in_which_nothing_was_removed_proves_nothing(run):
    run.ledger.needs = Needs(faults=0, acknowledged=1, reconnects=0, followed_to_the_end=0, removals=1)
    run.post("one")
    assert check(run.read()).void
