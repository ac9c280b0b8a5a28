"""Which comments each watcher was sent, in a byte for each comment and watcher.

All watchers of a process share one list of the comments that any of them has seen of a video; a watcher is a mark for
each of them. So thousands of watchers of a long log fit into memory, and each comment is one lookup.
"""

from __future__ import annotations

from collections.abc import Iterable

from bench.ledger import Verdict

GRACE_S = 5.0  # a comment that was accepted this long before a watcher left must have reached it

Accepted = Iterable[tuple[int, float]]  # number, and when its poster knew


class Seen:
    """The comments of one video that anybody here has seen, in the order in which they were first seen.

    `sampled`: somebody was shown a sample, and told so. Then nobody is owed all comments; but whatever one watcher was
    shown, every other one is owed too, for the sample is the same for all.
    """

    def __init__(self) -> None:
        self.place_of: dict[int, int] = {}
        self.sampled = False

    def place(self, number: int) -> int:
        """Return the place of a comment."""
        return self.place_of.setdefault(number, len(self.place_of))


class Watch:
    """What one watcher was sent. It is owed every comment above `since`."""

    __slots__ = (
        "_marks",
        "_seen",
        "is_away",
        "left_at",
        "newest",
        "out_of_order",
        "received",
        "repeated",
        "since",
    )

    def __init__(self, seen: Seen, since: int) -> None:
        self._seen = seen
        self._marks = bytearray()
        self.since = since
        self.newest = since
        self.received = 0
        self.repeated = 0
        self.out_of_order = 0
        self.is_away = False  # it has no stream at the moment
        self.left_at: float | None = None  # when, for one that did not stay to the end

    def add(self, number: int) -> str | None:
        """Note a comment that came. Return what is wrong with it: 'repeated', 'out of order', or None."""
        place, marks = self._seen.place(number), self._marks
        if place >= len(marks):
            marks.extend(bytes(max(256, place + 1 - len(marks))))
        if marks[place]:
            self.repeated += 1
            return "repeated"
        marks[place] = 1
        self.received += 1
        if number < self.newest:
            self.out_of_order += 1
            return "out of order"
        self.newest = number
        return None

    @property
    def sampled(self) -> bool:
        """Whether its video was shown as a sample."""
        return self._seen.sampled

    @sampled.setter
    def sampled(self, sampled: bool) -> None:
        self._seen.sampled = sampled

    def has(self, number: int) -> bool:
        """Whether it was sent this comment."""
        place = self._seen.place_of.get(number)
        return place is not None and place < len(self._marks) and bool(self._marks[place])

    def missing(self, accepted: Accepted) -> list[int]:
        """Return the comments that it should have and has not."""
        return [number for number in self._owed(accepted) if not self.has(number)]

    def judge(self, accepted: Accepted) -> Verdict:
        """Hold what came against what all posters, here and elsewhere, know to be stored."""
        owed = self._owed(accepted)
        missed = sum(not self.has(number) for number in owed)
        return Verdict(len(owed), missed, self.repeated, self.out_of_order)

    def _owed(self, accepted: Accepted) -> list[int]:
        left_at = float("inf") if self.left_at is None else self.left_at - GRACE_S
        owed = [number for number, at in accepted if number > self.since and (at < left_at or number <= self.newest)]
        return [number for number in owed if number in self._seen.place_of] if self._seen.sampled else owed
