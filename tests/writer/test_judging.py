"""Which numbers are passed on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from runtime.jetstream import Ack, Outgoing
from writer.entry import Entry
from writer.judging import Word, judge

KNOWN = 100


@pytest.fixture
def entry() -> Any:
    loop = asyncio.new_event_loop()

    def make(**changes: Any) -> Entry:
        made = Entry(
            Outgoing("s", b"", "id"), keyed=False, held=True, came_s=0, deadline_s=9, outcome=loop.create_future()
        )
        made.known_at_first = made.known_before = KNOWN
        for name, value in changes.items():
            setattr(made, name, value)
        return made

    yield make
    loop.close()


@pytest.mark.parametrize(
    ("number", "word"), [(KNOWN + 1, Word.GOOD), (KNOWN, Word.GIVEN_BEFORE), (1, Word.GIVEN_BEFORE)]
)
@pytest.mark.parametrize("keyed", [False, True])
def test_a_new_number_is_above_all_that_were_known(entry, keyed, number, word):
    assert judge(entry(keyed=keyed), Ack(number, duplicate=False), floor=0) is word


def test_a_new_number_for_what_was_sent_again_is_held_to_what_is_known_by_then(entry):
    sent_again = entry(known_before=KNOWN + 5, maybe_stored=True)
    assert judge(sent_again, Ack(KNOWN + 5, duplicate=False), floor=0) is Word.GIVEN_BEFORE


def test_a_repeat_that_comes_with_a_clients_key_has_an_older_number(entry):
    assert judge(entry(keyed=True), Ack(KNOWN - 1, duplicate=True), floor=0) is Word.GOOD


def test_what_was_sent_and_had_no_answer_has_a_number_above_what_was_known_when_it_was_sent_first(entry):
    sent_again = entry(known_before=KNOWN + 5, maybe_stored=True)
    assert judge(sent_again, Ack(KNOWN + 1, duplicate=True), floor=0) is Word.GOOD
    assert judge(sent_again, Ack(KNOWN, duplicate=True), floor=0) is Word.GIVEN_BEFORE


def test_where_it_may_also_be_a_clients_repeat_history_is_asked(entry):
    assert judge(entry(maybe_stored=True, keyed=True), Ack(KNOWN, duplicate=True), floor=0) is Word.DOUBTFUL


@pytest.mark.parametrize("keyed", [False, True])
def test_a_number_from_before_a_lift_may_have_been_taken_back(entry, keyed):
    judged = judge(entry(keyed=keyed, maybe_stored=True), Ack(KNOWN + 1, duplicate=True), floor=KNOWN + 2)
    assert judged is Word.FROM_BEFORE_A_LIFT
