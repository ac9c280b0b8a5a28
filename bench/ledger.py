"""What viewers were owed, and what they got."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass


class Received:
    """The numbers that one viewer was sent, and what was wrong with their order."""

    def __init__(self) -> None:
        self.numbers: set[int] = set()
        self.newest = 0
        self.repeated = 0
        self.out_of_order = 0

    def add(self, number: int) -> bool:
        """Count a comment that arrived. Return whether it is a new one."""
        if number in self.numbers:
            self.repeated += 1
            return False
        self.numbers.add(number)
        if number < self.newest:
            self.out_of_order += 1
        self.newest = max(self.newest, number)
        return True


@dataclass(frozen=True, slots=True)
class Verdict:
    """What all viewers together missed, saw twice, or saw too late."""

    expected: int = 0
    missed: int = 0
    repeated: int = 0
    out_of_order: int = 0

    @property
    def good(self) -> bool:
        """Whether every viewer had every comment once and in order."""
        return not (self.missed or self.repeated or self.out_of_order)

    def __add__(self, other: Verdict) -> Verdict:
        return Verdict(
            self.expected + other.expected,
            self.missed + other.missed,
            self.repeated + other.repeated,
            self.out_of_order + other.out_of_order,
        )


def judge(received: Received, owed: Collection[int]) -> Verdict:
    """Compare what a viewer got with the comments that were accepted while it watched.

    More than was owed is no fault: a comment whose answer was lost may well have been stored.
    """
    missed = sum(number not in received.numbers for number in owed)
    return Verdict(len(owed), missed, received.repeated, received.out_of_order)


def total(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the sum over viewers."""
    return sum(verdicts, Verdict())
