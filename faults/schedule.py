"""What is broken when: drawn at random from a seed, with quiet spells between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import Final

from faults.under_test import NATS, POSTGRES

FIRST_AT_S: Final = 5.0
SHORT_GAP_S: Final = (3.0, 4.5)
SPELL_S: Final = (20.0, 60.0)
QUIET_SHARE: Final = 0.25
STOP_S: Final = (5.0, 30.0)
SHORT_STOP_S: Final = 4.0
REFUSE_S: Final = (1.0, 8.0)
SILENCE_S: Final = (3.0, 20.0)
CLOCK_S: Final = (5.0, 30.0)
DISK_S: Final = (5.0, 15.0)
AN_HOUR_S: Final = 3600
NOTICED_AFTER_S: Final = 11.0  # a silence that is shorter may well be over before anybody must have noticed it

# How often in half an hour.
HALF_AN_HOUR_S: Final = 1800
KILLS: Final = 20  # of each part
STOPS: Final = 4
CUTS: Final = 4  # of each link
REFUSALS: Final = 2
SILENCES: Final = 3
CLOCKS: Final = 2  # of each part whose clock can be moved
DISKS: Final = 3  # of each disk


class Kind(Enum):
    """What can be done to a part, a link or a disk."""

    KILL = "kill"
    STOP = "stop"
    CUT = "cut"
    REFUSE = "refuse"
    SILENCE = "silence"
    CLOCK = "clock"
    DISK = "disk"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault, `at_s` after the load began. `way` is that of a silence, or how far a clock is moved, in seconds."""

    at_s: float
    kind: Kind
    target: str
    seconds: float = 0.0
    way: str = ""


@dataclass(frozen=True, slots=True)
class Targets:
    """What there is to break."""

    parts: Sequence[str]  # processes
    links: Sequence[str]
    clocks: Sequence[str] = ()  # parts whose clock can be moved
    disks: Sequence[str] = ()


def short_schedule(chance: Random, targets: Targets) -> list[Fault]:
    """Return one kill of each kind of part and a few broken links, in a random order, a few seconds apart."""
    kinds: dict[str, list[str]] = {}
    for part in targets.parts:
        kinds.setdefault(part.rstrip("0123456789-"), []).append(part)
    faults = [Fault(0, Kind.KILL, chance.choice(parts)) for parts in kinds.values()]
    to_nats = [link for link in targets.links if link.endswith(NATS) and link.startswith("edge")]
    faults += [
        Fault(0, Kind.CUT, chance.choice(to_nats)),
        Fault(0, Kind.CUT, f"writer-1-{NATS}"),
        Fault(0, Kind.REFUSE, f"archiver-1-{POSTGRES}", REFUSE_S[0]),
        Fault(0, Kind.SILENCE, f"writer-1-{NATS}", SHORT_STOP_S, "back"),
        Fault(0, Kind.SILENCE, chance.choice(to_nats), SHORT_STOP_S, "both"),
    ]
    chance.shuffle(faults)
    at_s, placed = FIRST_AT_S, []
    for fault in faults:
        placed.append(_at(fault, at_s))
        at_s += fault.seconds + chance.uniform(*SHORT_GAP_S)
    return placed


def fixed_schedule(chance: Random, targets: Targets) -> list[Fault]:  # noqa: ARG001  always the same
    """Return what a mutant is put through: in twenty seconds, a fault for every kind of defect."""
    return [
        Fault(1.0, Kind.CUT, f"edge-1-{NATS}"),
        Fault(2.0, Kind.SILENCE, f"edge-2-{NATS}", NOTICED_AFTER_S + 0.5, "both"),
        Fault(3.0, Kind.SILENCE, f"writer-1-{NATS}", 4.5, "back"),
        Fault(8.5, Kind.KILL, "archiver-1"),
        Fault(10.0, Kind.KILL, NATS),
        Fault(13.0, Kind.KILL, "edge-1"),
        Fault(15.0, Kind.KILL, "writer-1"),
        Fault(17.0, Kind.KILL, "archiver-1"),
        Fault(18.5, Kind.CUT, f"edge-2-{NATS}"),
        Fault(20.0, Kind.KILL, "history-1"),
    ]


def long_schedule(chance: Random, targets: Targets, seconds: float) -> list[Fault]:
    """Return all kinds of faults at random times, each as often as it is due in so long a run, with quiet spells."""
    share = seconds / HALF_AN_HOUR_S
    faults: list[Fault] = []

    def add(times: float, make: Kind, target: str, lasts_s: tuple[float, float] = (0.0, 0.0), *ways: str) -> None:
        whole = int(times * share)
        count = whole + (chance.random() < times * share - whole)
        faults.extend(
            Fault(0, make, target, chance.uniform(*lasts_s), chance.choice(ways) if ways else "") for _ in range(count)
        )

    for part in targets.parts:
        add(KILLS, Kind.KILL, part)
        add(STOPS, Kind.STOP, part, STOP_S)
    for link in targets.links:
        add(CUTS, Kind.CUT, link)
        add(REFUSALS, Kind.REFUSE, link, REFUSE_S)
        add(SILENCES, Kind.SILENCE, link, SILENCE_S, "there", "back", "both")
    for part in targets.clocks:
        add(CLOCKS, Kind.CLOCK, part, CLOCK_S, str(AN_HOUR_S), str(-AN_HOUR_S))
    for disk in targets.disks:
        add(DISKS, Kind.DISK, disk, DISK_S)
    spells = _spells(chance, seconds)
    return sorted((_at(fault, _moment(chance, spells)) for fault in faults), key=lambda fault: fault.at_s)


def _spells(chance: Random, seconds: float) -> list[tuple[float, float]]:
    """Return the spells that are not quiet."""
    spells, at_s = [], FIRST_AT_S
    while at_s < seconds:
        end_s = min(seconds, at_s + chance.uniform(*SPELL_S))
        if chance.random() >= QUIET_SHARE:
            spells.append((at_s, end_s))
        at_s = end_s
    return spells or [(FIRST_AT_S, max(seconds, FIRST_AT_S))]


def _moment(chance: Random, spells: Sequence[tuple[float, float]]) -> float:
    begins, ends = chance.choices(spells, [ends - begins for begins, ends in spells])[0]
    return chance.uniform(begins, ends)


def _at(fault: Fault, at_s: float) -> Fault:
    return Fault(at_s, fault.kind, fault.target, fault.seconds, fault.way)
