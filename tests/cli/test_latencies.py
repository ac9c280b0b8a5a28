import math

import pytest

from bench.ledger import Received, Verdict, judge, total
from livecomments.latencies import Latencies


def test_percentiles_are_latencies_that_were_measured():
    latencies = Latencies(second / 1000 for second in range(1000, 0, -1))
    assert latencies.percentiles_ms(0, 50, 90, 99, 99.9, 100) == pytest.approx([1, 500, 900, 990, 999, 1000])


def test_one_latency_is_every_percentile_and_none_is_none():
    assert Latencies([0.002]).percentiles_ms(1, 50, 100) == pytest.approx([2, 2, 2])
    assert all(math.isnan(value) for value in Latencies().percentiles_ms(50, 99))


def received(*numbers):
    seen = Received()
    for number in numbers:
        seen.add(number)
    return seen


def test_a_viewer_who_has_each_comment_once_and_in_order_is_well_served():
    assert judge(received(1, 2, 5), [1, 2, 5]).good


def test_more_than_was_owed_is_no_fault():
    assert judge(received(1, 2, 3), [2]) == Verdict(expected=1)


def test_what_is_missed_repeated_or_late_is_counted():
    verdict = total([judge(received(1, 3, 2, 3), [1, 2, 3, 4]), judge(received(), [7])])
    assert verdict == Verdict(expected=5, missed=2, repeated=1, out_of_order=1)
    assert not verdict.good
