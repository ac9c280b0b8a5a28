"""One line of the table: it measures, and says whether its aim was reached."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.fanout.scenario import Verdict
from bench.figure import Figure
from bench.write.system import System


@dataclass(frozen=True, slots=True)
class Run:
    """How a line is to be measured."""

    system: System
    quick: bool
    long: bool
    say: Callable[[str], None]  # what is going on
    turns: int | None = None  # how often to measure what is compared

    def seconds(self, wanted: float) -> float:
        """Return how long to measure."""
        return wanted / 2 if self.quick else wanted

    @property
    def rounds(self) -> int:
        """Return how often to measure what is compared, in turns."""
        return self.turns or (1 if self.quick else 3)


@dataclass(frozen=True, slots=True)
class Found:
    """What was measured: verdicts for the table, remarks for a person, figures for a program."""

    verdicts: Sequence[Verdict]
    remarks: Sequence[str] = ()
    figures: dict[str, Any] = field(default_factory=dict)
    measured: Sequence[Figure] = ()  # with every sample, for a later run to be held against


@dataclass(frozen=True, slots=True)
class Line:
    """Something to be reached."""

    name: str
    title: str
    measure: Callable[[Run], Found]
