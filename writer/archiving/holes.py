"""Is any number skipped? Pure.

The numbers of a shard follow each other without a hole, but for two reasons: messages were trimmed off the stream's
beginning, and single messages were deleted. A hole for any other reason means that a reader was not told everything,
and it must not go on from there.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hole:
    """The numbers from `low` to `high`, both inclusive, that were not read."""

    low: int
    high: int


def holes(through: int, numbers: Sequence[int]) -> list[Hole]:
    """Return what is skipped by a reader that was at `through` and read `numbers`, which rise."""
    found = []
    for number in numbers:
        if number > through + 1:
            found.append(Hole(through + 1, number - 1))
        through = number
    return found


def lost(skipped: Sequence[Hole], first: int) -> int:
    """Return how many of the skipped numbers the stream does not hold any more, whose first number is `first`."""
    return sum(max(0, min(hole.high, first - 1) - hole.low + 1) for hole in skipped)


def unexplained(skipped: Sequence[Hole], first: int, deleted: Collection[int]) -> Hole | None:
    """Return the first skipped part that was neither trimmed (it is below `first`) nor deleted; None: all is well."""
    for hole in skipped:
        for number in range(max(hole.low, first), hole.high + 1):
            if number not in deleted:
                return Hole(number, hole.high)
    return None
