"""A run, as it is planned: how much load for how long, what is broken, and what it takes to mean something."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from faults.ledger import Needs
from faults.schedule import Fault, Targets, fixed_schedule, long_schedule, short_schedule

ABOVE: Final = 1.04  # of the rate that is asked for: seconds differ
AT_ONCE: Final = 6_000  # comments under way: what comes in ten seconds without an answer is begun all the same

Schedule = Callable[[Random, Targets], Sequence[Fault]]


@dataclass(frozen=True, slots=True)
class Trial:
    """A run. `rate` is in comments a second; `at_once` is how many comments may be under way."""

    seed: int
    seconds: float  # until the last fault begins; it goes on until all are over, and calm for a while
    schedule: Schedule
    needs: Needs
    rate: float = 500
    at_once: int = 256
    videos: int = 40
    users: int = 300
    followers: int = 150
    passers: int = 50
    clocks: bool = False
    disks: bool = False
    stay_s: float = 15.0  # on the average, before a viewer leaves as it likes
    longest_away_s: float = 30.0  # … and comes back
    calm_s: float = 12.0  # after the last fault, with the load going on
    settings: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)  # of writer, archiver, history and edges


def short_trial(seed: int, rate: float, viewers: int) -> Trial:
    """Return the run that is part of the tests: one kill of each part and a few broken links."""
    return Trial(
        seed=seed,
        seconds=0,
        schedule=short_schedule,
        needs=Needs(faults=10, acknowledged=int(20 * rate), reconnects=viewers // 2, followed_to_the_end=viewers // 2),
        rate=rate,
        calm_s=8,
        videos=12,
        followers=viewers * 3 // 4,
        passers=viewers // 4,
    )


def mutant_trial(seed: int, settings: Mapping[str, Any], environment: Mapping[str, str]) -> Trial:
    """Return the short run that every mutant has to get through, always the same."""
    return Trial(
        seed=seed,
        seconds=0,
        schedule=fixed_schedule,
        needs=Needs(faults=8, acknowledged=500, reconnects=20, followed_to_the_end=10),
        rate=80,
        videos=6,
        users=50,
        followers=18,
        passers=6,
        stay_s=3.0,
        longest_away_s=6.0,
        calm_s=5.0,
        settings=settings,
        environment=environment,
    )


def long_trial(seed: int, minutes: float, rate: float, viewers: int) -> Trial:
    """Return the run with everything in it."""
    seconds = minutes * 60

    def schedule(chance: Random, targets: Targets) -> Sequence[Fault]:
        return long_schedule(chance, targets, seconds)

    return Trial(
        seed=seed,
        seconds=seconds,
        schedule=schedule,
        needs=Needs(
            faults=int(4 * minutes),
            acknowledged=int(seconds * rate / 4),
            reconnects=viewers,
            followed_to_the_end=viewers // 2,
            begun_per_s=int(rate),
        ),
        rate=rate * ABOVE,
        at_once=AT_ONCE,
        followers=viewers * 3 // 4,
        passers=viewers // 4,
        longest_away_s=200.0,  # longer than the stream keeps what is archived
        clocks=True,
        disks=True,
    )
