"""A figure that was measured several times in one run, so that a later run can be held against it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured, in which unit, each time that it was. `better`: 'lower' or 'higher'."""

    name: str
    unit: str
    samples: Sequence[float | None]  # None, in a file, for what was no number
    better: str = "lower"

    @property
    def numbers(self) -> list[float]:
        """Return the samples that are numbers."""
        return [value for value in self.samples if value is not None and math.isfinite(value)]
