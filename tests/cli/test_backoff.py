import pytest

from livecomments.backoff import JITTER, MAX_RETRY_AFTER_S, MAX_WAIT_S, Backoff, retry_after_s


def test_waits_double_up_to_a_limit_and_begin_anew_after_a_success():
    backoff = Backoff(first_s=0.5)
    waits = [backoff.next_s() for _ in range(12)]
    for index, wait_s in enumerate(waits):
        least = min(0.5 * 2**index, MAX_WAIT_S)
        assert least <= wait_s <= least * (1 + JITTER)
    backoff.reset()
    assert backoff.next_s() <= 0.5 * (1 + JITTER)


def test_nobody_comes_back_earlier_than_told():
    backoff = Backoff(first_s=10)
    for _ in range(50):
        assert 3 <= backoff.next_s(3) <= 3 * (1 + JITTER)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [(None, None), ("", None), ("2", 2), ("0", 0), ("Wed, 21 Oct 2015 07:28:00 GMT", None), ("-1", None), ("²", None)],
)
def test_a_retry_after_that_is_no_number_of_seconds_is_passed_over(header, seconds):
    assert retry_after_s(header) == seconds


def test_a_retry_after_has_a_limit():
    assert retry_after_s("9" * 5000) == MAX_RETRY_AFTER_S
