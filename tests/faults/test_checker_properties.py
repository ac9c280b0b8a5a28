"""Whatever happens to a service that keeps its promises, its run is clean; one broken promise is always seen."""

from __future__ import annotations

import time
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from faults.checker import check
from faults.ledger import Attempt, Ledger, Life, Reading, Said
from tests.faults.defects import DEFECTS
from tests.faults.simulated import Simulation

CHANCE = st.integers(0, 2**64).map(Random)  # one draw, not one for each step


@settings(max_examples=200, deadline=None)
@given(CHANCE, st.integers(0, 200))
def test_a_run_that_keeps_its_promises_is_clean(chance, steps):
    assert not check(Simulation(chance).run(steps)).violations


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.__name__)
@settings(max_examples=40, deadline=None)
@given(CHANCE, st.integers(60, 200))
def test_one_broken_promise_is_seen(defect, chance, steps):
    ledger = Simulation(chance).run(steps)
    assume(defect(ledger, chance))
    assert {violation.check for violation in check(ledger).violations} & DEFECTS[defect]


def test_a_long_run_is_checked_in_seconds():
    """100,000 comments on ten videos, each with twenty viewers: two million comments shown."""
    ledger = Ledger(shards=4)
    for video in (f"video-{number}" for number in range(10)):
        places = []
        for number in range(1, 10_001):
            said = Said(video, number * 10 + int(video[-1]), "ada", f"{video} {number}", number)
            places.append(ledger.place(said))
            ledger.attempts.append(Attempt(video, "ada", said.text, said.text, number, number + 1, 201, said.number))
        ledger.readings += [Reading(video, "asc", tuple(places)), Reading(video, "desc", tuple(places[::-1]))]
        for viewer in range(20):
            life = Life(f"{video}-{viewer}", video, to_the_end=True)
            for place in places:
                life.show(place, 0)
            ledger.lives.append(life)
    began = time.process_time()
    assert not check(ledger).violations
    assert time.process_time() - began < 15
