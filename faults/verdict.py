"""What the checker finds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

EXIT_CLEAN: Final = 0
EXIT_VIOLATED: Final = 1
EXIT_VOID: Final = 2


class Check(Enum):
    """Every check by its name, and the promise that it tries."""

    KEPT = "acknowledged comments are in history, under their numbers"
    ATTEMPTED = "nothing is in history that nobody attempted"
    ONCE = "an acknowledged comment is in history once"
    UNKNOWN_ONCE = "a comment whose fate is unknown is in history at most once"
    REFUSED = "a refused comment is never in history"
    KEY = "repeats with the same key get the first one's number, and the first body wins"
    NUMBERS = "a number is never given to two comments"
    TIMES = "a comment's time is the same live, replayed and in history"
    PAGES = "pages meet without a hole or a repeat, in both directions"
    REAL_TIME = "a comment that was acknowledged before another was sent comes before it"
    READABLE = "a comment that was answered 201 is in the pages read after that"
    STABLE = "what a page showed once stays in history"
    ORDER = "every viewer's order is history's order"
    SHOWN_ONCE = "no viewer is shown a comment twice"
    SHOWN_KEPT = "what a viewer is shown is in history, word for word"
    REMOVED = "a removed comment is a tombstone in history"
    ASKED = "nothing is removed that nobody asked to have removed"
    HIDDEN = "a removed text is shown to nobody who comes after its removal"
    TOLD = "a viewer that follows is told of every removal"
    BANNED = "one who is shut out says nothing"
    FOLLOWED = "a viewer that follows misses nothing unless it was told"
    WELCOME = "no viewer is refused for its position"
    NOTICED = "a silent connection is noticed within 10 s"
    RECOVERED = "everything comes back by itself"


class Where(Enum):
    """In which part of what was kept something is missing."""

    BEGINNING = "beginning"
    MIDDLE = "middle"
    END = "end"


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was broken, once."""

    check: Check
    video: str
    detail: str
    number: int | None = None
    where: Where | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """How much there was to check."""

    attempts: int = 0
    acknowledged: int = 0  # comments, whatever the number of their attempts
    begun_per_s: int = 0  # comments, in the median second: repeats of one do not count
    refused: int = 0
    unknown: int = 0
    unknown_kept: int = 0
    kept: int = 0
    removals: int = 0  # deletes and bans, acknowledged
    tombstones: int = 0  # of those kept
    viewers: int = 0
    followed_to_the_end: int = 0
    reconnects: int = 0
    owed: int = 0  # comments to viewers
    told_missing: int = 0  # of them
    pages: int = 0
    faults: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result. `void` holds the reasons for which the run proves nothing."""

    figures: Figures
    violations: Sequence[Violation] = ()
    void: Sequence[str] = ()

    @property
    def exit_status(self) -> int:
        """Return the status of the program: a violation is one, however little was tried."""
        if self.violations:
            return EXIT_VIOLATED
        return EXIT_VOID if self.void else EXIT_CLEAN

    def by_check(self) -> Counter[Check]:
        """Return how often each promise was broken."""
        return Counter(violation.check for violation in self.violations)

    def losses(self) -> Counter[tuple[Check, Where]]:
        """Return where in the run something was lost, for the checks that can tell."""
        return Counter((one.check, one.where) for one in self.violations if one.where is not None)
