"""Which comments of a hot video the ring does not hold, because this edge took in the sample alone; and whose they are.

Whoever comes back and cares for one of their authors is brought to live out of the store.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Final

MAX_NUMBERS: Final = 100_000  # of one video; about 100 bytes each, with the authors


class LeftOut:
    """Numbers in order, and for each author's mark the newest of them. What is at or below `floor` is forgotten."""

    __slots__ = ("_newest_of", "_numbers", "floor")

    def __init__(self) -> None:
        self.floor = 0
        self._numbers = array("Q")
        self._newest_of: dict[int, int] = {}

    def add(self, entries: Sequence[tuple[int, int]], ring_floor: int) -> None:
        """Note numbers and marks, above all before them; what the ring's floor lies above is forgotten in time."""
        for number, mark in entries:
            self._numbers.append(number)
            self._newest_of[mark] = number
        if len(self._numbers) > MAX_NUMBERS:
            self._forget(max(self._numbers[len(self._numbers) // 2], ring_floor))

    def has(self, number: int) -> bool:
        """Whether a number above the floor was left out."""
        place = bisect_left(self._numbers, number)
        return place < len(self._numbers) and self._numbers[place] == number

    def any_after(self, number: int) -> bool:
        """Whether anything above a number was, or may have been."""
        return number < self.floor or (len(self._numbers) > 0 and self._numbers[-1] > number)

    def concerns(self, marks: Iterable[int], number: int) -> bool:
        """Whether anything above a number is, or may be, by one of some authors."""
        return self.any_after(number) and (
            number < self.floor or any(self._newest_of.get(mark, 0) > number for mark in marks)
        )

    def _forget(self, floor: int) -> None:
        self.floor = floor
        self._numbers = self._numbers[bisect_left(self._numbers, floor + 1) :]
        self._newest_of = {mark: number for mark, number in self._newest_of.items() if number > floor}
