"""A run, as it is planned: how much load for how long, what is broken, and what it takes to mean something."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from faults.ledger import Needs
from faults.load import Amount
from faults.schedule import Fault, Targets, fixed_schedule, long_schedule, short_schedule

ABOVE: Final = 1.04  # of the rate that is asked for: seconds differ
AT_ONCE: Final = 6_000  # comments under way: what comes in ten seconds without an answer is begun all the same
VIDEOS: Final = 40
USERS: Final = 300

Schedule = Callable[[Random, Targets], Sequence[Fault]]


@dataclass(frozen=True, slots=True)
class Trial:
    """A run."""

    seed: int
    seconds: float  # until the last fault begins; it goes on until all are over, and calm for a while
    schedule: Schedule
    needs: Needs
    amount: Amount
    clocks: bool = False
    disks: bool = False
    calm_s: float = 12.0  # after the last fault, with the load going on
    settings: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)  # of writer, archiver, history and edges


def short_trial(seed: int, rate: float, viewers: int) -> Trial:
    """Return the run that is part of the tests: one kill of each part and a few broken links."""
    return Trial(
        seed=seed,
        seconds=0,
        schedule=short_schedule,
        needs=Needs(
            faults=10,
            acknowledged=int(20 * rate),
            reconnects=viewers // 2,
            followed_to_the_end=viewers // 2,
            removals=int(0.2 * rate),
        ),
        amount=Amount(rate, viewers * 3 // 4, viewers // 4, videos=12, users=USERS),
        calm_s=8,
    )


def mutant_trial(seed: int, settings: Mapping[str, Any], environment: Mapping[str, str]) -> Trial:
    """Return the short run that every mutant has to get through, always the same."""
    return Trial(
        seed=seed,
        seconds=0,
        schedule=fixed_schedule,
        needs=Needs(faults=8, acknowledged=500, reconnects=20, followed_to_the_end=10, removals=10),
        amount=Amount(80, followers=18, passers=6, videos=6, users=50, stay_s=3.0, longest_away_s=6.0),
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
            removals=int(seconds * rate / 200),
        ),
        amount=Amount(
            rate * ABOVE,
            viewers * 3 // 4,
            viewers // 4,
            VIDEOS,
            USERS,
            at_once=AT_ONCE,
            longest_away_s=200.0,  # longer than the stream keeps what is archived
        ),
        clocks=True,
        disks=True,
    )
