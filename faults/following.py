"""What a viewer was shown, held against history: in its order, each once, nothing missing that it was not told of."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from faults.index import Index
from faults.keeping import words
from faults.ledger import Closed, Connect, Life, Opened, Step, Told
from faults.verdict import Check, Violation

_BEYOND: Final = 2**63


@dataclass(slots=True)
class Followed:
    """One viewer, and what came of following it."""

    violations: list[Violation] = field(default_factory=list)
    owed: int = 0
    told_missing: int = 0  # of those
    reconnects: int = 0


def follow(index: Index, life: Life) -> Followed:
    """Return what is wrong with what a viewer was shown."""
    walk = _Walk(index, life)
    walk.go()
    followed = Followed(walk.violations, reconnects=walk.reconnects)
    followed.violations += _not_kept(index, life)
    _count_missing(index, life, walk, followed)
    followed.violations += _count_removals(index, life, walk)
    return followed


class _Walk:
    """Goes through a viewer's connections, step by step and comment by comment, and keeps its position."""

    def __init__(self, index: Index, life: Life) -> None:
        self.violations: list[Violation] = []
        self.seen: set[int] = set()
        self.removals: set[int] = set()  # that it was told of
        self.floor: int | None = None  # it is owed everything above
        self.reached = 0  # its position
        self.excused: list[tuple[int, int]] = []  # ranges that it was told are missing, both ends included
        self.absent: list[tuple[int, int]] = []  # … and those that passed while it was away and had no position yet
        self.reconnects = 0
        self.phases: list[tuple[int, str]] = []  # from which comment on it was in a replay, or live
        self._life = life
        self._numbers = [index.ledger.said[place].number for place in life.shown]
        self._connected = False
        self._asked: int | None = None  # the position that it sent last
        self._joining = False  # connected, and not live yet

    def go(self) -> None:
        shown = 0
        for place, step in self._life.steps:
            self._show(self._numbers[shown:place])
            shown = place
            self._step(place, step)
        self._show(self._numbers[shown:])

    def how(self, number: int) -> str:
        """Return in which phase a missing number should have been shown."""
        place = bisect_right(self._numbers, number)
        phases = [phase for begins, phase in self.phases if begins <= place]
        if place == len(self._numbers):
            return "at the end"
        before = [phase for begins, phase in self.phases if begins <= place - 1]
        if len(phases) != len(before):
            return "between a connection and the one before" if phases[-1] == "replay" else "between replay and live"
        return f"in a {phases[-1]}" if phases and phases[-1] == "replay" else "live"

    def _show(self, numbers: list[int]) -> None:
        video, viewer = self._life.video, self._life.viewer
        for number in numbers:
            if self.floor is None:
                self.floor = number - 1  # a viewer without a position is owed everything from the first one on
            if number > self.reached:
                self.reached = number
            elif number in self.seen:
                self.violations.append(Violation(Check.SHOWN_ONCE, video, f"{viewer} was shown it again", number))
            else:
                detail = f"{viewer} was shown it after {self.reached}"
                self.violations.append(Violation(Check.ORDER, video, detail, number))
            self.seen.add(number)

    def _step(self, place: int, step: Step) -> None:
        match step:
            case Connect(position=position):
                self._asked, self._joining = position, True
                if position is not None:
                    if self.floor is None:
                        self.floor = position
                    self.reached = max(self.reached, position)
                self.phases.append((place, "replay"))
            case Opened():
                self.reconnects += self._connected
                self._connected = True
            case Told(event="sync"):
                self._sync(place, step)
                self.phases.append((place, "live"))
            case Told(event="delete", position=int(number)):
                self._removal(number)
            case Told(event="skipped"):
                self.excused.append((int(step.data["from"]), int(step.data["to"])))
                self.reached = max(self.reached, step.position or 0)
            case Closed(refused=True):
                detail = f"{self._life.viewer} was refused: {step.reason}"
                self.violations.append(Violation(Check.WELCOME, self._life.video, detail))
            case _:
                pass

    def _removal(self, number: int) -> None:
        if self.floor is None:
            self.floor = number - 1
        if number <= self.reached:
            detail = f"{self._life.viewer} was told of a removal after {self.reached}"
            self.violations.append(Violation(Check.ORDER, self._life.video, detail, number))
        self.reached = max(self.reached, number)
        self.removals.add(number)

    def _sync(self, place: int, told: Told) -> None:
        reached = max(self.reached, told.position or 0)
        joining, self._joining = self._joining, False
        if self._asked is None and joining:
            # Nothing is replayed to a viewer without a position: it is owed what comes after this.
            if self.floor is None:
                self.floor = reached
            else:
                self.absent.append((self.reached + 1, reached))
        if not told.data.get("complete", False):
            following = self._numbers[place] - 1 if place < len(self._numbers) else _BEYOND
            first = int(told.data.get("from", (self._asked or 0) + 1))
            last = told.data.get("to")
            end = max(reached, following if not told.position else 0)
            self.excused.append((first, int(last) if last is not None else end))
        self.reached = reached


def _not_kept(index: Index, life: Life) -> Iterator[Violation]:
    for place in sorted(set(life.shown) - index.kept_places):
        said = index.ledger.said[place]
        kept = index.kept.get(life.video, {}).get(said.number)
        if said.video == life.video and kept is not None and (kept.user, kept.text) == (said.user, said.text):
            continue  # only the time differs, which `numbering` tells
        if kept is not None and kept.is_tombstone and index.intent_of(kept) is index.intent_of(said) is not None:
            continue  # it was removed since
        detail = f"{life.viewer} was shown {words(said.text)} by {said.user}"
        yield Violation(Check.SHOWN_KEPT, life.video, detail, said.number)


def _count_missing(index: Index, life: Life, walk: _Walk, followed: Followed) -> None:
    if walk.floor is None:
        if life.to_the_end:
            detail = f"{life.viewer} waited to the end and was never let in"
            followed.violations.append(Violation(Check.FOLLOWED, life.video, detail))
        return
    numbers = index.texts.get(life.video, [])  # of what was removed it is owed nothing but that
    upto = _BEYOND if life.to_the_end else walk.reached
    owed = numbers[bisect_right(numbers, walk.floor) : bisect_right(numbers, upto)]
    followed.owed = len(owed)
    seen = sorted(walk.seen)
    for number in owed:
        if number in walk.seen:
            continue
        if _is_in(walk.absent, number):
            followed.owed -= 1
            continue
        if _is_in(walk.excused, number):
            followed.told_missing += 1
            continue
        detail = f"{life.viewer} missed it, {walk.how(number)}"
        followed.violations.append(Violation(Check.FOLLOWED, life.video, detail, number, index.where(seen, number)))


def _count_removals(index: Index, life: Life, walk: _Walk) -> Iterator[Violation]:
    """Yield the removals that a viewer should have been told of, and was not."""
    if walk.floor is None:
        return
    upto = _BEYOND if life.to_the_end else walk.reached
    for number in sorted(index.removals.get(life.video, set()) - walk.removals):
        if walk.floor < number <= upto and not _is_in(walk.absent, number) and not _is_in(walk.excused, number):
            yield Violation(Check.TOLD, life.video, f"{life.viewer} was not told of a removal", number)


def _is_in(ranges: list[tuple[int, int]], number: int) -> bool:
    return any(first <= number <= last for first, last in ranges)
