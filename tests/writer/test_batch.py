"""What goes together, and what becomes of a batch that was refused."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from writer.batch import ATOMIC_FROM, MAX_BATCH, Piece, piece_of, split


class Stream:
    """What JetStream does with pieces, as far as repeats go: a batch with a known id fails whole, a single never."""

    def __init__(self, known: set[int]) -> None:
        self.known = set(known)
        self.stored: list[int] = []
        self.rounds = 0

    def send(self, entries: list[int], maybe_stored: set[int]) -> None:
        pieces = [piece_of(entries)]
        while pieces:
            piece = pieces.pop(0)
            self.rounds += 1
            if piece.atomic and self.known & set(piece.entries):
                pieces[:0] = split(piece.entries, [entry in maybe_stored for entry in piece.entries])
                continue
            for entry in piece.entries:
                if entry not in self.known:
                    self.known.add(entry)
                    self.stored.append(entry)


def test_a_dozen_goes_as_a_batch_and_fewer_go_as_singles():
    assert not piece_of(range(ATOMIC_FROM - 1)).atomic
    assert piece_of(range(ATOMIC_FROM)).atomic


@given(
    entries=st.lists(st.integers(0, 2_000), unique=True, min_size=1, max_size=MAX_BATCH),
    known=st.sets(st.integers(0, 2_000), max_size=50),
    maybe_stored=st.sets(st.integers(0, 2_000), max_size=50),
)
def test_whatever_was_stored_before_each_entry_ends_up_stored_once_and_the_new_ones_in_order(
    entries, known, maybe_stored
):
    stream = Stream(known)

    stream.send(entries, maybe_stored)

    assert set(entries) <= stream.known
    new = [entry for entry in entries if entry not in known]
    assert sorted(stream.stored) == sorted(new)
    fresh = [entry for entry in stream.stored if entry not in maybe_stored]
    assert fresh == [entry for entry in new if entry not in maybe_stored]


@given(at=st.integers(0, MAX_BATCH - 1))
def test_one_repeat_among_many_costs_log_n_rounds(at):
    stream = Stream({at})

    stream.send(list(range(MAX_BATCH)), set())

    assert len(stream.stored) == MAX_BATCH - 1
    assert stream.rounds <= 2 * math.ceil(math.log2(MAX_BATCH / ATOMIC_FROM)) + 3


def test_a_batch_that_was_stored_although_its_answer_was_lost_costs_two_rounds():
    entries = list(range(MAX_BATCH))
    stream = Stream(set(entries))

    stream.send(entries, set(entries))

    assert stream.rounds == 2
    assert stream.stored == []


def test_those_without_an_answer_go_as_singles_and_the_rest_together():
    entries = list(range(20))

    assert split(entries, [entry < 3 for entry in entries]) == [
        Piece([0, 1, 2], atomic=False),
        Piece(list(range(3, 20)), atomic=True),
    ]
