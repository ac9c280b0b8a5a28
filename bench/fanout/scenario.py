"""What is to be reached: a scenario measures, and says whether it was."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from bench.fanout.lab import Lab
from bench.fanout.measure import Row
from bench.fanout.peers.peer import Peer
from bench.figure import Figure


@dataclass(frozen=True, slots=True)
class Verdict:
    """One line of the table of aims. `met` is None where it could not be measured."""

    what: str
    reach: str
    measured: str
    met: bool | None


@dataclass(frozen=True, slots=True)
class Run:
    """How a scenario is to be run."""

    lab: Lab
    peers: tuple[type[Peer], ...]  # those that are here, the bare loop and this edge among them
    quick: bool
    say: Callable[[str], None]  # what is going on
    rounds: int | None = None  # how often to measure what is compared; None: as often as the scenario has it


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a scenario found."""

    rows: Sequence[Row]
    verdicts: Sequence[Verdict]
    notes: Sequence[str] = field(default=())
    figures: Sequence[Figure] = field(default=())  # with every sample, for a later run to be held against


@dataclass(frozen=True, slots=True)
class Scenario:
    """A load and what it is to show. `long` ones are run on demand."""

    name: str
    title: str
    run: Callable[[Run], Awaitable[Outcome]]
    long: bool = False
