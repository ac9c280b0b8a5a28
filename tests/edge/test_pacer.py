"""How long a channel rests between two writes."""

from __future__ import annotations

import pytest

from edge.pacer import MAX_CYCLE_S, MAX_REST_S, MOST_SHARE, OWN_SHARE, SHARE, Pacer


def test_a_quiet_room_hardly_rests():
    pacer = Pacer()
    rests = [pacer.wrote(now=10.0 + second, cost_s=0.0001) for second in range(20)]
    assert max(rests) <= 0.0004


def test_a_costly_write_is_followed_by_a_rest_that_keeps_the_share():
    cost_s = 0.03
    rest_s = Pacer().wrote(now=5.0, cost_s=cost_s)
    assert cost_s / (cost_s + rest_s) <= OWN_SHARE + 0.01


@pytest.mark.parametrize("cost_s", [0.01, 0.06, 0.1])
def test_writing_that_takes_long_is_followed_by_less_rest_so_that_comments_wait_no_longer(cost_s):
    rest_s = Pacer().wrote(now=5.0, cost_s=cost_s)
    assert 0 < rest_s <= MAX_REST_S
    assert cost_s + rest_s <= MAX_CYCLE_S + 0.001


@pytest.mark.parametrize(
    ("cost_ms", "rest_ms"), [(1, 3), (33, 99), (50, 100), (75, 75), (100, 50), (150, 75), (200, 100), (500, 100)]
)
def test_the_rule_is_what_the_table_says(cost_ms, rest_ms):
    assert Pacer().wrote(now=5.0, cost_s=cost_ms / 1000) * 1000 == pytest.approx(rest_ms)


@pytest.mark.parametrize("cost_s", [0.005, 0.03, 0.075, 0.1, 0.126, 0.15, 0.2])
def test_a_room_of_any_size_leaves_a_third_of_the_time_to_others_as_long_as_a_rest_may_be_long_enough(cost_s):
    loop = Loop(channels=1, cost_s=cost_s, every_s=0.001)
    loop.run(3)
    assert loop.run(20) <= (SHARE if cost_s <= MAX_CYCLE_S * SHARE else MOST_SHARE) + 0.01


def test_what_coalescing_adds_to_a_latency_is_bounded_also_where_the_share_would_take_a_longer_rest():
    cost_s = 0.04  # a quarter of the time would be a rest of 120 ms, and the cycle leaves 110
    assert Pacer().wrote(now=5.0, cost_s=cost_s) == MAX_REST_S


def test_a_rest_is_never_longer_than_its_limit_however_much_a_write_costs():
    pacer = Pacer()
    now = 0.0
    for _ in range(200):
        now += 5.0
        assert pacer.wrote(now, cost_s=5.0) <= MAX_REST_S


def test_a_long_time_of_too_much_work_is_forgotten_as_quickly_as_a_short_one():
    pacer, now = Pacer(), 100.0
    for _ in range(3_000):
        now += 0.01
        pacer.wrote(now, cost_s=0.009)
    for _ in range(20):
        now += 0.1
        rest_s = pacer.wrote(now, cost_s=0.0001)
    assert rest_s <= 0.001


class Loop:
    """An event loop that does nothing but write for its channels, each as soon as it has rested."""

    def __init__(self, channels: int, cost_s: float, every_s: float) -> None:
        self.pacer = Pacer()
        self.now = 100.0
        self.cost_s, self.every_s = cost_s, every_s
        self.due = [self.now + every_s * place / channels for place in range(channels)]
        self.rests: list[float] = []

    def run(self, duration_s: float) -> float:
        """Return which share of the time went into writing; each channel has something to write all `every_s`."""
        began, busy_s, until = self.now, 0.0, self.now + duration_s
        while True:
            channel = min(range(len(self.due)), key=self.due.__getitem__)
            if max(self.now, self.due[channel]) >= until:
                self.now = until
                return busy_s / (until - began)
            self.now = max(self.now, self.due[channel]) + self.cost_s
            busy_s += self.cost_s
            rest_s = self.pacer.wrote(self.now, self.cost_s)
            self.rests.append(rest_s)
            self.due[channel] = max(self.now + rest_s, self.due[channel] + self.every_s)


@pytest.mark.parametrize(("channels", "cost_s"), [(1, 0.02), (10, 0.002), (100, 0.0005), (200, 0.0002)])
def test_all_channels_together_keep_to_the_share_once_the_rests_have_widened(channels, cost_s):
    loop = Loop(channels, cost_s, every_s=0.001)
    loop.run(3)
    assert loop.run(5) <= SHARE * 1.25
    assert max(loop.rests) <= MAX_REST_S


def test_more_work_than_the_longest_rests_can_bound_is_still_done():
    loop = Loop(channels=500, cost_s=0.001, every_s=0.001)
    loop.run(3)
    assert loop.rests[-1] == MAX_REST_S
    assert loop.run(2) > SHARE


def test_the_rests_narrow_again_when_the_load_goes():
    loop = Loop(channels=100, cost_s=0.0005, every_s=0.001)
    loop.run(3)
    assert loop.rests[-1] > 0.02
    loop.every_s = 1.0
    loop.run(3)
    assert loop.rests[-1] <= loop.cost_s * 4
