"""What is broken when."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from random import Random

import pytest

from faults.schedule import KILLS, STOPS, Kind, Targets, long_schedule, short_schedule

PARTS = ("writer-1", "archiver-1", "history-1", "edge-1", "edge-2", "gateway", "nats", "postgres")
LINKS = ("writer-1-nats", "edge-1-nats", "edge-2-nats", "archiver-1-nats", "archiver-1-postgres", "gateway-edge-1")
TARGETS = Targets(PARTS, LINKS, clocks=("writer-1",), disks=("nats",))
HALF_AN_HOUR_S = 1800.0


def test_the_same_seed_breaks_the_same_things():
    assert long_schedule(Random(3), TARGETS, 600) == long_schedule(Random(3), TARGETS, 600)
    assert long_schedule(Random(3), TARGETS, 600) != long_schedule(Random(4), TARGETS, 600)


@pytest.mark.parametrize("seed", range(5))
def test_the_short_run_kills_one_of_each_kind_of_part(seed):
    killed = [fault.target for fault in short_schedule(Random(seed), TARGETS) if fault.kind is Kind.KILL]
    assert sorted(part.rstrip("0123456789-") for part in killed) == sorted(
        ["writer", "archiver", "history", "edge", "gateway", "nats", "postgres"]
    )


@pytest.mark.parametrize("seed", range(5))
def test_in_the_short_run_a_fault_is_over_before_the_next(seed):
    faults = short_schedule(Random(seed), TARGETS)
    ends = [fault.at_s + fault.seconds for fault in faults]
    assert all(end < following.at_s for end, following in zip(ends[:-1], faults[1:], strict=True))
    assert ends[-1] < 100


def test_half_an_hour_has_as_many_of_each_as_the_issue_asks_for():
    faults = long_schedule(Random(1), TARGETS, HALF_AN_HOUR_S)
    kinds = Counter((fault.kind, fault.target) for fault in faults)
    for part in PARTS:
        assert kinds[Kind.KILL, part] == KILLS >= 20
        assert kinds[Kind.STOP, part] == STOPS
    for link in LINKS:
        assert all(kinds[kind, link] for kind in (Kind.CUT, Kind.REFUSE, Kind.SILENCE))
    assert kinds[Kind.CLOCK, "writer-1"]
    assert kinds[Kind.DISK, "nats"]


def test_a_stop_takes_five_to_thirty_seconds_and_a_clock_goes_an_hour_either_way():
    faults = long_schedule(Random(1), TARGETS, HALF_AN_HOUR_S)
    assert all(5 <= fault.seconds <= 30 for fault in faults if fault.kind is Kind.STOP)
    assert {fault.way for fault in faults if fault.kind is Kind.CLOCK} <= {"3600", "-3600"}


def test_the_long_run_has_quiet_spells():
    times = [fault.at_s for fault in long_schedule(Random(1), TARGETS, HALF_AN_HOUR_S)]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert sum(gap > 15 for gap in gaps) >= 5
    assert max(times) <= HALF_AN_HOUR_S
