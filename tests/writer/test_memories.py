"""What a writer remembers for a while: keys that were stored, texts that were said."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from writer.known_keys import KnownKeys
from writer.rates import S_TO_NS, SWEPT
from writer.same_message import SameMessages

NOW_NS = 1_700_000_000 * S_TO_NS


def test_a_key_is_known_with_its_first_number_until_its_window_ends():
    known = KnownKeys(600, max_keys=10)
    known.add("id", 7, 100.0)
    known.add("id", 8, 200.0)

    assert known.get("id", 100.0) == 7
    assert known.get("id", 699.9) == 7
    assert known.get("id", 700.0) is None
    assert known.get("other", 100.0) is None


@given(ids=st.lists(st.integers(0, 30).map(str), max_size=200))
def test_no_more_keys_are_known_than_allowed(ids):
    known = KnownKeys(600, max_keys=5)
    for at, message_id in enumerate(ids):
        known.add(message_id, at + 1, float(at))
        assert len(known) <= 5
        assert known.get(message_id, float(at)) is not None


def test_keys_whose_window_ended_are_forgotten():
    known = KnownKeys(10, max_keys=1_000)
    for at in range(500):
        known.add(str(at), at + 1, 0.0)
    known.add("late", 501, 10.0)

    assert len(known) == 1


def test_the_same_text_by_the_same_user_on_the_same_video_has_to_wait():
    said = SameMessages(30)
    said.say(said.key("video", "user", "hello"), "id-1", NOW_NS)

    assert said.wait_ns(said.key("video", "user", "hello"), "id-2", NOW_NS + S_TO_NS) == 29 * S_TO_NS
    assert said.wait_ns(said.key("video", "user", "hello"), "id-2", NOW_NS + 30 * S_TO_NS) == 0
    assert said.wait_ns(said.key("video", "user", "hello!"), "id-2", NOW_NS) == 0
    assert said.wait_ns(said.key("video", "user", "HE\u200bLLO"), "id-2", NOW_NS) > 0, "it reads the same"
    assert said.wait_ns(said.key("video", "other", "hello"), "id-2", NOW_NS) == 0
    assert said.wait_ns(said.key("other", "user", "hello"), "id-2", NOW_NS) == 0


def test_the_repeat_of_the_same_post_is_not_the_same_text_said_twice():
    said = SameMessages(30)
    said.say(said.key("video", "user", "hello"), "id-1", NOW_NS)

    assert said.wait_ns(said.key("video", "user", "hello"), "id-1", NOW_NS) == 0


def test_a_text_that_was_not_stored_may_be_said_again_at_once():
    said = SameMessages(30)
    said.say(said.key("video", "user", "hello"), "id-1", NOW_NS)

    said.unsay(said.key("video", "user", "hello"), "another id")
    assert said.wait_ns(said.key("video", "user", "hello"), "id-2", NOW_NS) > 0
    said.unsay(said.key("video", "user", "hello"), "id-1")
    assert said.wait_ns(said.key("video", "user", "hello"), "id-2", NOW_NS) == 0


@given(texts=st.lists(st.text(max_size=3), max_size=200))
def test_no_more_texts_are_remembered_than_allowed(texts):
    said = SameMessages(30, max_texts=5)
    for text in texts:
        said.say(said.key("video", "user", text), "id", NOW_NS)
        assert len(said) <= 5
        assert said.wait_ns(said.key("video", "user", text), "other", NOW_NS) > 0


def test_texts_that_may_be_said_again_are_forgotten_a_few_at_a_time():
    said = SameMessages(30)
    for number in range(500):
        said.say(said.key("video", "user", f"text {number}"), "id", NOW_NS)
    assert len(said) == 500
    for number in range(500):
        before = len(said)
        said.say(said.key("video", "user", "late"), "id", NOW_NS + 31 * S_TO_NS + number)
        assert before - len(said) <= SWEPT
    assert len(said) == 1


def test_without_a_window_nothing_is_remembered():
    said = SameMessages(0)
    said.say(said.key("video", "user", "hello"), "id-1", NOW_NS)

    assert said.wait_ns(said.key("video", "user", "hello"), "id-2", NOW_NS) == 0
    assert len(said) == 0
