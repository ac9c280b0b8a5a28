"""Small ledgers, made up: one comment after the other, as a service that keeps its promises would have it."""

from __future__ import annotations

from faults.checker import check
from faults.ledger import (
    ASCENDING,
    BAN,
    DELETE,
    DESCENDING,
    UNBAN,
    Attempt,
    Closed,
    Connect,
    Fired,
    Ledger,
    Life,
    Opened,
    Page,
    Reading,
    Ruling,
    Said,
    Told,
)
from faults.verdict import Check

VIDEO = "video"
MS = 1_000_000


class MadeUp:
    """A run on one video. Each thing happens a millisecond after the one before."""

    def __init__(self) -> None:
        self.ledger = Ledger(shards=1)
        self.now_ns = 0
        self.stored: list[Said] = []
        self.newest = 100  # number
        self.removed: set[int] = set()

    def tick(self) -> int:
        self.now_ns += MS
        return self.now_ns

    def attempt(self, text: str, status: int, number: int | None = None, key: str | None = None) -> Attempt:
        """A POST that ended before anything else happened; `status` 0: without an answer."""
        began = self.tick()
        made = Attempt(VIDEO, "ada", key or text, text, began, self.tick() if status else None, status, number)
        self.ledger.attempts.append(made)
        return made

    def store(self, text: str) -> Said:
        self.newest += 1
        said = Said(VIDEO, self.newest, "ada", text, 1_000 + len(self.stored))
        self.stored.append(said)
        return said

    def post(self, text: str, status: int = 201) -> Said:
        """A comment that was stored and acknowledged."""
        said = self.store(text)
        self.attempt(text, status, said.number)
        return said

    def rule(self, kind: str, status: int, comment: int | None = None, user: str = "ada") -> Ruling:
        """A request that removes something or somebody. Done: it has a number of its own."""
        self.newest += status == 200
        made = Ruling(kind, VIDEO, user, comment, self.tick(), self.tick(), status)
        made.number = self.newest if status == 200 else None
        self.ledger.rulings.append(made)
        return made

    def remove(self, said: Said, status: int = 200) -> Ruling:
        """A comment is removed; without an answer it may be."""
        self.removed.add(said.number)
        return self.rule(DELETE, status, said.number)

    def shut_out(self, user: str = "ada", status: int = 200) -> Ruling:
        """A user is shut out, and all that it has said is removed."""
        self.removed |= {said.number for said in self.stored if said.user == user}
        return self.rule(BAN, status, user=user)

    def let_in(self, user: str = "ada", status: int = 200) -> Ruling:
        return self.rule(UNBAN, status, user=user)

    def tell(self, life: Life, ruling: Ruling) -> None:
        """A viewer is told of a removal."""
        life.step(Told(self.tick(), "delete", ruling.number, {}))

    def viewer(self, position: int | None = 0, name: str = "vera") -> Life:
        """A viewer that has connected, was let in, and had everything before it."""
        life = Life(name, VIDEO)
        self.ledger.lives.append(life)
        self.connect(life, position)
        return life

    def connect(self, life: Life, position: int | None, *, complete: bool = True, **told: str) -> None:
        life.step(Connect(self.tick(), position))
        life.step(Opened(self.tick()))
        if position is not None and complete:
            for said in self.stored:
                if said.number > position and said.number not in self.removed:
                    self.show(life, said)
        newest = self.stored[-1].number if self.stored and position is None else None
        data = {"resumed": True, "complete": complete, **told}
        life.step(Told(self.tick(), "sync", int(told["to"]) if "to" in told else newest, data))

    def show(self, life: Life, *said: Said) -> None:
        for one in said:
            life.show(self.ledger.place(one), self.tick())

    def close(self, life: Life, reason: str = "own will", *, refused: bool = False) -> None:
        life.step(Closed(self.tick(), reason, refused))

    def page(self, cursor: int, *said: Said, whole: bool = True) -> None:
        self.ledger.pages.append(Page(VIDEO, self.tick(), cursor, tuple(self.ledger.place(one) for one in said), whole))

    def silence(self, noticed_s: float | None) -> None:
        began = self.tick()
        self.ledger.faults.append(
            Fired("silence", "writer-nats", began, began + 20_000 * MS, must_notice=True, noticed_s=noticed_s)
        )

    def read(self, *said: Said, sort: str = "both") -> Ledger:
        """History is read at the end: `said`, oldest first, or all that was stored."""
        places = tuple(self.ledger.place(one) for one in said or map(self.left, self.stored))
        if sort in ("both", ASCENDING):
            self.ledger.readings.append(Reading(VIDEO, ASCENDING, places))
        if sort in ("both", DESCENDING):
            self.ledger.readings.append(Reading(VIDEO, DESCENDING, places[::-1]))
        return self.ledger

    def left(self, said: Said) -> Said:
        """Return what is left of a comment: a tombstone, where it was removed."""
        return tombstone(said) if said.number in self.removed else said


def tombstone(said: Said) -> Said:
    return said._replace(user="", text="")


def found(ledger: Ledger) -> set[Check]:
    return {violation.check for violation in check(ledger).violations}
