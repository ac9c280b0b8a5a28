"""Whether a shard's stream answers, and what that means for new comments."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from writer.store_health import State, StoreHealth


def test_a_store_that_does_not_answer_is_away_once_it_has_been_silent_for_as_long_as_comments_are_held():
    health = StoreHealth(10)
    health.unanswered(100, 102)
    assert health.state is State.FAILING
    health.unanswered(101, 109.9)
    assert health.state is State.FAILING
    health.passed(110)
    assert health.state is State.AWAY


def test_an_answer_in_between_starts_the_time_anew():
    health = StoreHealth(10)
    health.unanswered(100, 102)
    health.answered()
    health.unanswered(105, 111)
    assert health.state is State.FAILING


def test_a_probe_that_is_answered_lets_comments_try_and_the_first_silence_ends_that():
    health = StoreHealth(10)
    health.unanswered(100, 110)
    health.probe_answered()
    assert health.state is State.TRYING
    health.unanswered(111, 112)
    assert health.state is State.AWAY


def test_a_stored_comment_ends_it():
    health = StoreHealth(10)
    health.unanswered(100, 110)
    health.probe_answered()
    health.answered()
    assert health.state is State.ANSWERING


def test_a_probe_means_nothing_unless_the_store_is_away():
    health = StoreHealth(10)
    health.probe_answered()
    assert health.state is State.ANSWERING
    health.unanswered(100, 101)
    health.probe_answered()
    assert health.state is State.FAILING


@given(
    st.lists(
        st.sampled_from(["answered", "unanswered", "passed", "probe_answered"]).flatmap(
            lambda event: st.tuples(st.just(event), st.floats(0, 20))
        )
    )
)
def test_comments_are_never_refused_at_once_before_there_was_that_much_silence(events):
    health = StoreHealth(10)
    now_s, silent_since_s = 0.0, None
    for event, step_s in events:
        now_s += step_s
        match event:
            case "unanswered":
                health.unanswered(now_s, now_s)
                silent_since_s = now_s if silent_since_s is None else silent_since_s
            case "answered":
                health.answered()
                silent_since_s = None
            case "passed":
                health.passed(now_s)
            case _:
                health.probe_answered()
        if health.state is State.AWAY:
            assert silent_since_s is not None
            assert now_s - silent_since_s >= 10
