"""Up to which number quiet videos need not be asked for again."""

from __future__ import annotations

import itertools

from edge.probe import INTERVAL_S, LAG_S, LONG_EVERY_S, LONG_LAG_S, Asked

BEGAN = 1000.0


def numbers_asked_above(seconds: float) -> list[tuple[float, int]]:
    """When a shard's number is asked for at the probe's pace: the times, and above which number was asked."""
    asked, told = Asked(), []
    for turn in range(int(seconds / INTERVAL_S)):
        now = BEGAN + turn * INTERVAL_S
        told.append((now, asked.upto(now)))
        asked.note(now, int(now * 1000))  # a message a millisecond
    return told


def test_all_is_asked_for_until_a_number_is_old_enough():
    assert all(upto == 0 for now, upto in numbers_asked_above(LAG_S))


def test_what_was_stored_a_moment_ago_is_asked_for_again_but_not_what_is_older():
    late = [(now, upto) for now, upto in numbers_asked_above(60) if now > BEGAN + LONG_LAG_S + LONG_EVERY_S]
    lags = [now - upto / 1000 for now, upto in late]
    assert min(lags) >= LAG_S
    assert sorted(lags)[len(lags) // 2] <= LAG_S + INTERVAL_S


def test_now_and_then_more_is_asked_for_again():
    late = [(now, upto) for now, upto in numbers_asked_above(120) if now > BEGAN + LONG_LAG_S + LONG_EVERY_S]
    long_ones = [now for now, upto in late if now - upto / 1000 >= LONG_LAG_S]
    assert long_ones
    assert max(b - a for a, b in itertools.pairwise(long_ones)) <= LONG_EVERY_S + INTERVAL_S


def test_no_number_is_left_out_when_asking_fails_for_a_while():
    asked = Asked()
    asked.note(BEGAN, 100)
    assert asked.upto(BEGAN + 50) <= 100
