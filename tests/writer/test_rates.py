"""Buckets: how often something may happen."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from writer.rates import S_TO_NS, Buckets

NOW_NS = 1_700_000_000 * S_TO_NS

steps_ns = st.lists(st.integers(0, 2 * S_TO_NS), min_size=1, max_size=200)
rates_per_s = st.floats(0.1, 1_000)
bursts = st.integers(1, 50)


def allowed_at(buckets: Buckets, times_ns: list[int]) -> list[int]:
    """Return the times at which a request was allowed."""
    allowed = []
    for now_ns in times_ns:
        if not buckets.wait_ns("key", now_ns):
            buckets.take("key", now_ns)
            allowed.append(now_ns)
    return allowed


def times_of(steps: list[int]) -> list[int]:
    times, now_ns = [], NOW_NS
    for step_ns in steps:
        now_ns += step_ns
        times.append(now_ns)
    return times


@given(steps=steps_ns, per_s=rates_per_s, burst=bursts)
def test_no_stretch_of_time_sees_more_than_its_rate_and_one_burst(steps, per_s, burst):
    allowed = allowed_at(Buckets(per_s, burst, 10), times_of(steps))

    interval_ns = round(S_TO_NS / per_s)
    for first, start_ns in enumerate(allowed):
        for last, end_ns in enumerate(allowed[first:], start=first):
            assert last - first + 1 <= burst + (end_ns - start_ns) // interval_ns


@given(steps=steps_ns, per_s=rates_per_s, burst=bursts)
def test_whoever_waits_as_told_is_let_through_and_not_a_moment_earlier(steps, per_s, burst):
    buckets = Buckets(per_s, burst, 10)
    for now_ns in times_of(steps):
        wait_ns = buckets.wait_ns("key", now_ns)
        if wait_ns:
            assert buckets.wait_ns("key", now_ns + wait_ns - 1) == 1
            assert buckets.wait_ns("key", now_ns + wait_ns) == 0
        else:
            buckets.take("key", now_ns)


def test_a_burst_goes_through_at_once_and_then_one_per_interval():
    buckets = Buckets(2, 10, 10)

    assert len(allowed_at(buckets, [NOW_NS] * 20)) == 10
    assert buckets.wait_ns("key", NOW_NS) == S_TO_NS // 2
    assert len(allowed_at(buckets, [NOW_NS + S_TO_NS] * 20)) == 2


def test_keys_do_not_share_a_bucket():
    buckets = Buckets(1, 1, 10)
    buckets.take("one", NOW_NS)

    assert buckets.wait_ns("one", NOW_NS) == S_TO_NS
    assert buckets.wait_ns("other", NOW_NS) == 0


def test_a_rate_of_nothing_is_no_limit():
    buckets = Buckets(0, 1, 10)
    for _ in range(1_000):
        assert buckets.wait_ns("key", NOW_NS) == 0
        buckets.take("key", NOW_NS)

    assert len(buckets) == 0


@given(keys=st.lists(st.integers(0, 50), max_size=300))
def test_no_more_keys_are_remembered_than_allowed_and_the_latest_is_among_them(keys):
    buckets = Buckets(0.001, 1, 7)
    for key in keys:
        buckets.take(key, NOW_NS)
        assert len(buckets) <= 7
        assert buckets.wait_ns(key, NOW_NS) > 0


def test_keys_that_have_their_burst_again_are_forgotten():
    buckets = Buckets(1, 5, 1_000)
    for key in range(500):
        buckets.take(key, NOW_NS)
    for step in range(500):
        buckets.take("late", NOW_NS + (2 + step) * S_TO_NS)

    assert len(buckets) == 1


def test_a_request_that_is_given_back_counts_as_if_it_had_not_been():
    buckets = Buckets(1, 2, 10)
    for _ in range(2):
        buckets.take("k", NOW_NS)
    assert buckets.wait_ns("k", NOW_NS) == S_TO_NS
    buckets.give_back("k")
    assert buckets.wait_ns("k", NOW_NS) == 0
    buckets.take("k", NOW_NS)
    assert buckets.wait_ns("k", NOW_NS) == S_TO_NS
    buckets.give_back("nobody")
    assert len(buckets) == 1
