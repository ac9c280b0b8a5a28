"""Floods: who is paused, and which text is said too often."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.settings import Settings
from wire.problem import Refused
from writer.floods import Floods
from writer.limits import Limits
from writer.rates import S_TO_NS

NOW = 10**18
LONG = "buy it at this very address"


def test_one_who_is_refused_too_often_is_paused_and_then_let_in_again():
    floods = Floods(5, 60, 0)
    for _ in range(5):
        floods.was_refused("bot", NOW)
        assert floods.pause_ns("bot", NOW) == 0
    floods.was_refused("bot", NOW)
    assert floods.pause_ns("bot", NOW) == 60 * S_TO_NS
    assert floods.pause_ns("ada", NOW) == 0
    assert floods.pause_ns("bot", NOW + 60 * S_TO_NS) == 0


def test_one_who_is_refused_now_and_then_is_never_paused():
    floods = Floods(6, 60, 0)
    for second in range(0, 3600, 10):
        floods.was_refused("ada", NOW + second * S_TO_NS)
        assert floods.pause_ns("ada", NOW + second * S_TO_NS) == 0


def test_a_text_has_a_rate_on_a_video_whoever_says_it_and_however_it_is_written():
    floods = Floods(0, 60, 1)
    for _ in range(5):
        assert floods.text_wait_ns(floods.key("v", LONG), NOW) == 0
        floods.said(floods.key("v", LONG), NOW)
    assert floods.text_wait_ns(floods.key("v", LONG.upper() + "\u200b"), NOW) > 0
    assert floods.text_wait_ns(floods.key("another", LONG), NOW) == 0
    assert floods.text_wait_ns(floods.key("v", LONG + " now"), NOW) == 0
    for _ in range(100):
        assert floods.text_wait_ns(floods.key("v", "GOAL!!!"), NOW) == 0, "a cheer is everybody's own"
        floods.said(floods.key("v", "GOAL!!!"), NOW)


def test_a_program_that_posts_against_refusals_is_paused_on_all_videos_and_told_how_long():
    limits = Limits(Settings(user_rate=1, flood_refusals=20, flood_pause_s=30))
    refused = []
    for number in range(50):
        try:
            limits.take_comment("v", "bot", f"text {number}", str(number), NOW)
        except Refused as refusal:
            refused.append((refusal.code, refusal.retry_after_s))
    assert refused[0] == ("too_many", 1)
    assert refused[-1] == ("too_many", 30)
    with pytest.raises(Refused):
        limits.take_comment("another", "bot", "x", "y", NOW)
    limits.take_comment("v", "ada", "x", "z", NOW)
    limits.take_comment("v", "bot", "patient", "p", NOW + 31 * S_TO_NS)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 5 * S_TO_NS)), max_size=200), st.integers(1, 10))
def test_whatever_comes_when_a_pause_ends_and_nobody_is_paused_for_less_than_the_limit(steps, limit):
    floods, now, refusals = Floods(limit, 60, 0), NOW, dict.fromkeys("abc", 0)
    for user, passed in steps:
        now += passed
        if floods.pause_ns(user, now) == 0:
            floods.was_refused(user, now)
            refusals[user] += 1
        waits = floods.pause_ns(user, now)
        assert 0 <= waits <= 60 * S_TO_NS
        assert not waits or refusals[user] > limit
        assert floods.pause_ns(user, now + waits) == 0
