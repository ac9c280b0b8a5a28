"""Which comments are shown when more come than anybody can read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.sampling import Sampler

START_MS = 1_795_000_000_000


def shown(rate: float, per_s: int, seconds: int, first: int = 1_795_000_000_000_000, step: int = 1) -> list[bool]:
    sampler = Sampler(rate)
    return [sampler.shows(first + place * step, START_MS + place * 1000 // per_s) for place in range(per_s * seconds)]


@pytest.mark.parametrize("per_s", [1, 5, 19])
def test_in_a_room_that_can_be_read_everything_is_shown(per_s):
    assert all(shown(20, per_s, 30))


@pytest.mark.parametrize("per_s", [40, 100, 500, 5_000])
@pytest.mark.parametrize("step", [1, 2, 3, 7, 64])
def test_in_a_busy_room_about_as_many_are_shown_as_can_be_read(per_s, step):
    chosen = shown(20, per_s, 20, step=step)[per_s * 4 :]
    assert 14 <= sum(chosen) / 16 <= 26


def test_a_burst_out_of_silence_is_thinned_within_a_quarter_of_a_second():
    sampler = Sampler(20)
    assert sum(sampler.shows(number, START_MS) for number in range(1_000)) < 150


def test_when_the_burst_is_over_everything_is_shown_again_within_seconds():
    sampler = Sampler(20)
    for number in range(2_000):
        sampler.shows(number, START_MS + number // 2)
    after = [sampler.shows(3_000 + place, START_MS + 4_000 + place * 200) for place in range(20)]
    assert all(after)


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 40)), min_size=1, max_size=300), st.integers(0, 200))
def test_every_edge_shows_the_same_ones_as_soon_as_it_has_seen_the_seconds_before(steps, late):
    number, at_ms = 1, START_MS
    said = []
    for number_step, ms in steps * 4:
        number, at_ms = number + number_step, at_ms + ms
        said.append((number, at_ms))
    early, joined = Sampler(5), Sampler(5)
    seen = [early.shows(*one) for one in said]
    rest = said[late:]
    joined_seen = [joined.shows(*one) for one in rest]
    warm = [place for place, (_, at) in enumerate(rest) if at - rest[0][1] > 2_500]
    assert [joined_seen[place] for place in warm] == [seen[late + place] for place in warm]
