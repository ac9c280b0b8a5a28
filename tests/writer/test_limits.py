"""Which limits a POST is held to."""

from __future__ import annotations

import pytest

from runtime.settings import Settings
from wire.problem import Refused
from writer.limits import USER_BURST, USER_TOTAL_BURST, Limits
from writer.rates import S_TO_NS

NOW_NS = 1_700_000_000 * S_TO_NS


def limits(**rates: float) -> Limits:
    none = {"user_rate": 0, "user_total_rate": 0, "video_rate": 0, "posts_per_address": 0, "duplicate_window_s": 0}
    return Limits(Settings(**{**none, **rates}))


def say(held: Limits, *, video: str = "v", user: str = "u", text: str = "hi", message_id: str = "", now_ns: int = 0):
    held.take_comment(video, user, text, message_id, NOW_NS + now_ns)


def test_without_rates_nothing_is_refused():
    held = limits()
    for _ in range(1_000):
        held.take_address("10.0.0.1", NOW_NS)
        say(held)


def test_a_user_has_a_burst_on_each_video_and_is_told_in_whole_seconds_how_long_to_wait():
    held = limits(user_rate=0.4)
    for _ in range(USER_BURST):
        say(held)

    with pytest.raises(Refused) as refused:
        say(held)
    assert (refused.value.code, refused.value.retry_after_s) == ("too_many", 3)  # 2.5 s, rounded up
    say(held, video="another")
    say(held, user="another")
    say(held, now_ns=3 * S_TO_NS)


def test_a_user_has_a_limit_on_all_videos_together():
    held = limits(user_total_rate=10)
    for video in range(USER_TOTAL_BURST):
        say(held, video=f"v{video}")

    with pytest.raises(Refused, match="too_many"):
        say(held, video="one-more")
    say(held, video="one-more", user="another")


def test_a_video_has_a_limit_for_all_users_together():
    held = limits(video_rate=20)
    for user in range(20):
        say(held, user=f"u{user}")

    with pytest.raises(Refused, match="too_many"):
        say(held, user="one-more")
    say(held, user="one-more", video="another")


def test_a_comment_that_one_limit_refuses_is_not_counted_by_the_others():
    held = limits(user_rate=1, video_rate=10)
    for user in range(10):
        say(held, user=f"u{user}")
    for _ in range(USER_BURST):
        with pytest.raises(Refused):
            say(held, user="patient")

    for second in range(1, USER_BURST + 1):  # the video lets ten more in; the user's own burst is untouched
        say(held, user="patient", now_ns=S_TO_NS + second)


def test_the_same_message_has_to_wait_and_its_text_counts_only_if_it_was_taken():
    held = limits(duplicate_window_s=30, user_rate=1)
    say(held, message_id="1")
    with pytest.raises(Refused) as refused:
        say(held, message_id="2")
    assert (refused.value.code, refused.value.retry_after_s) == ("same_message", 30)

    for number in range(USER_BURST - 1):
        say(held, text=f"text {number}")
    with pytest.raises(Refused, match="too_many"):
        say(held, text="new", message_id="3")
    say(held, text="new", message_id="4", now_ns=S_TO_NS)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("10.0.0.1", "10.0.0.2", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.2", False),
        ("fe80::1%eth0", "fe80::1%eth1", True),
        ("<local>", "", False),
    ],
)
def test_what_counts_as_one_address(one, other, same):
    held = limits(posts_per_address=1)
    for _ in range(10):
        held.take_address(one, NOW_NS)

    if same:
        with pytest.raises(Refused, match="too_many"):
            held.take_address(other, NOW_NS)
    else:
        held.take_address(other, NOW_NS)
