"""What was attempted, what was answered, what viewers were shown, what history holds: everything a verdict rests on.

In memory here; `ledger_files.py` keeps it on disk. Times are nanoseconds of the monotonic clock, which all processes
of the machine share and which no fault moves.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, NamedTuple

ASCENDING: Final = "asc"
DESCENDING: Final = "desc"


class Said(NamedTuple):
    """A comment as somebody was shown it: on a stream, or in a page. A tombstone has neither user nor text."""

    video: str
    number: int
    user: str
    text: str
    posted_ms: int

    @property
    def is_tombstone(self) -> bool:
        """Whether it is what stands in a page for a comment that was removed."""
        return not self.text


HUNG_UP: Final = "hung up"  # the code of an attempt that its client broke off, as it liked


class Fate(Enum):
    """What a client knows of an attempt."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"  # for good: it must never be stored
    UNKNOWN = "unknown"  # it may be stored, once


def _fate(status: int, good: tuple[int, int]) -> Fate:
    """Return what an answer says. Only a refusal that stands however often it is repeated is one."""
    if status in good:
        return Fate.ACKNOWLEDGED
    if 400 <= status < 500 and status != 408:
        return Fate.REFUSED
    return Fate.UNKNOWN


@dataclass(slots=True)
class Attempt:
    """One POST. `ended_ns` is None, and `status` 0, where no answer ever came; `key` None where it had none."""

    video: str
    user: str
    key: str | None
    text: str
    began_ns: int
    ended_ns: int | None = None
    status: int = 0
    number: int | None = None
    code: str | None = None

    @property
    def fate(self) -> Fate:
        """Return what the answer says."""
        return _fate(self.status, (201, 202))


DELETE: Final = "delete"
BAN: Final = "ban"  # with all that its user has said on the video before
UNBAN: Final = "unban"


@dataclass(slots=True)
class Ruling:
    """A request that removes a comment, shuts its `user` out, or lets the user in again.

    `number` is that of the message that does it; `comment` is what a delete removes, and its author the `user`.
    """

    kind: str
    video: str
    user: str
    comment: int | None
    began_ns: int
    ended_ns: int | None = None
    status: int = 0
    number: int | None = None
    code: str | None = None

    @property
    def fate(self) -> Fate:
        """Return what the answer says."""
        return _fate(self.status, (200, 202))


@dataclass(frozen=True, slots=True)
class Connect:
    """A viewer opens its stream and sends its position, None for none."""

    at_ns: int
    position: int | None


@dataclass(frozen=True, slots=True)
class Opened:
    """The stream is open: the answer was 200."""

    at_ns: int


@dataclass(frozen=True, slots=True)
class Told:
    """The viewer was told something that is no comment: `sync`, `delete`, `bye`. `position` is the event's id."""

    at_ns: int
    event: str
    position: int | None
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Closed:
    """The stream ended, or could not be opened. `refused`: with an answer after which a browser never comes back."""

    at_ns: int
    reason: str
    refused: bool = False


Step = Connect | Opened | Told | Closed


@dataclass(slots=True)
class Life:
    """One viewer, over all its connections.

    `shown` holds indices into `Ledger.said` in the order in which they came, `shown_ns` when. `steps` holds what
    happened besides, each with how many comments had been shown before it. `to_the_end`: it was still following when
    everything was over, so that it is owed everything there is.
    """

    viewer: str
    video: str
    steps: list[tuple[int, Step]] = field(default_factory=list)
    shown: array[int] = field(default_factory=lambda: array("L"))
    shown_ns: array[int] = field(default_factory=lambda: array("q"))
    to_the_end: bool = False

    def step(self, step: Step) -> None:
        """Note what happened now."""
        self.steps.append((len(self.shown), step))

    def show(self, said: int, at_ns: int) -> None:
        """Note a comment that was shown."""
        self.shown.append(said)
        self.shown_ns.append(at_ns)


@dataclass(frozen=True, slots=True)
class Reading:
    """A video's whole history, read page by page at the end. `said` holds indices into `Ledger.said`, as they came."""

    video: str
    sort: str
    said: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of history, newest first, that was read while the run went on. `whole`: there is nothing older."""

    video: str
    began_ns: int
    cursor: int
    said: tuple[int, ...]
    whole: bool


@dataclass(frozen=True, slots=True)
class Fired:
    """A fault. `fired` says whether it could be done at all, `noticed_s` when a part had given up all that was silent.

    `noticed_s` is None where nobody noticed, and means something only where `must_notice`.
    """

    kind: str
    target: str
    began_ns: int
    ended_ns: int
    fired: bool = True
    detail: str = ""
    must_notice: bool = False
    noticed_s: float | None = None


@dataclass(frozen=True, slots=True)
class Needs:
    """Below what a run proves nothing."""

    faults: int = 1
    acknowledged: int = 1
    reconnects: int = 1
    followed_to_the_end: int = 1
    begun_per_s: int = 0  # comments, in the median second
    removals: int = 0  # deletes and bans that were acknowledged
    told_missing_share: float = 0.1  # of what viewers are owed; more than that, and being told excuses everything


@dataclass(slots=True)
class Ledger:
    """A run."""

    shards: int
    seed: int = 0
    began_ns: int = 0
    ended_ns: int = 0
    needs: Needs = field(default_factory=Needs)
    said: list[Said] = field(default_factory=list)  # each once
    attempts: list[Attempt] = field(default_factory=list)
    rulings: list[Ruling] = field(default_factory=list)
    lives: list[Life] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)
    faults: list[Fired] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)  # what did not come back by itself when all faults were over
    untried: list[str] = field(default_factory=list)  # faults that cannot be done on this machine
    _places: dict[Said, int] = field(default_factory=dict, repr=False)

    def place(self, said: Said) -> int:
        """Return the index of a comment as it was shown, the same for all who were shown the same."""
        place = self._places.get(said)
        if place is None:
            place = self._places[said] = len(self.said)
            self.said.append(said)
        return place
