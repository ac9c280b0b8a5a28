"""A skipped number is noticed, and only a good reason lets the archiver go on."""

from hypothesis import given
from hypothesis import strategies as st

from writer.archiving.holes import Hole, holes, lost, unexplained


def test_numbers_that_follow_each_other_have_no_holes() -> None:
    assert holes(10, [11, 12, 13]) == []
    assert holes(10, []) == []


def test_every_hole_is_found() -> None:
    assert holes(10, [12, 13, 17]) == [Hole(11, 11), Hole(14, 16)]


def test_what_lies_below_the_first_number_of_the_stream_is_lost() -> None:
    assert lost([Hole(11, 20)], first=21) == 10
    assert lost([Hole(11, 20)], first=16) == 5
    assert lost([Hole(11, 20)], first=11) == 0


def test_a_hole_needs_every_one_of_its_numbers_explained() -> None:
    assert unexplained([Hole(11, 13)], first=11, deleted={11, 12, 13}) is None
    assert unexplained([Hole(11, 13)], first=12, deleted={12, 13}) is None
    assert unexplained([Hole(11, 13)], first=14, deleted=()) is None
    assert unexplained([Hole(11, 13)], first=11, deleted={11, 13}) == Hole(12, 13)


@given(through=st.integers(0, 50), read=st.sets(st.integers(1, 100)), trimmed=st.integers(0, 60), gone=st.sets(
    st.integers(1, 100)))  # fmt: skip
def test_numbers_are_read_lost_deleted_or_unexplained_and_nothing_else(
    through: int, read: set[int], trimmed: int, gone: set[int]
) -> None:
    numbers = sorted(number for number in read if number > through)
    last = numbers[-1] if numbers else through
    first = trimmed + 1
    skipped = set(range(through + 1, last + 1)) - set(numbers)
    found = holes(through, numbers)
    assert {number for hole in found for number in range(hole.low, hole.high + 1)} == skipped
    assert lost(found, first) == len([number for number in skipped if number < first])
    bad = [number for number in sorted(skipped) if number >= first and number not in gone]
    hole = unexplained(found, first, gone)
    assert (hole is None) == (not bad)
    assert hole is None or hole.low == bad[0]
