"""In which blocks a page is looked for first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from history.windows import windows
from tests.history.conftest import BASE, BLOCK
from wire.number import MAX_NUMBER

START = BASE // BLOCK * BLOCK
NUMBERS = st.one_of(st.integers(0, MAX_NUMBER), st.integers(START, START + 5 * BLOCK), st.just(0))


@given(NUMBERS, NUMBERS, st.sampled_from(["asc", "desc"]), NUMBERS, st.lists(NUMBERS, max_size=20))
def test_together_they_are_the_whole_in_the_order_of_the_page(after, before, sort, newest, numbers):
    found = windows(after, before + 1, sort, newest)
    edges = [number for window in found for number in (*window, window[0] + 1, window[1] - 1)]
    numbers = sorted({*numbers, *edges}, reverse=sort == "desc")
    read = [number for low, high in found for number in numbers if low < number < high]
    assert read == [number for number in numbers if after < number < before + 1]
    assert len(found) <= 2


@pytest.mark.parametrize("newest", [0, START + 9 * BLOCK, START + BLOCK])
def test_a_page_behind_a_cursor_begins_in_the_cursors_block(newest):
    cursor = START + 3 * BLOCK + 5
    (first, _) = windows(0, cursor, "desc", newest)
    assert first[1] == cursor
    assert first[0] == (START + 3 * BLOCK - 1 if newest != START + BLOCK else START + BLOCK - 1)
    assert windows(cursor, MAX_NUMBER + 1, "asc", newest)[0] == (cursor, START + 4 * BLOCK)


def test_the_newest_page_begins_in_the_newest_block_that_is_known_and_is_open_above():
    assert windows(0, MAX_NUMBER + 1, "desc", START + 5)[0] == (START - 1, MAX_NUMBER + 1)


def test_without_anything_to_go_by_all_is_asked_for_at_once():
    assert windows(0, MAX_NUMBER + 1, "desc", 0) == [(0, MAX_NUMBER + 1)]
    assert windows(0, MAX_NUMBER + 1, "asc", START) == [(0, MAX_NUMBER + 1)]
