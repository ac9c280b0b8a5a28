"""Small ledgers, made up: one comment after the other, as a service that keeps its promises would have it."""

from __future__ import annotations

from faults.ledger import (
    ASCENDING,
    DESCENDING,
    Attempt,
    Closed,
    Connect,
    Fired,
    Ledger,
    Life,
    Opened,
    Page,
    Reading,
    Said,
    Told,
)

VIDEO = "video"
MS = 1_000_000


class MadeUp:
    """A run on one video. Each thing happens a millisecond after the one before."""

    def __init__(self) -> None:
        self.ledger = Ledger(shards=1)
        self.now_ns = 0
        self.stored: list[Said] = []

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
        said = Said(VIDEO, 101 + len(self.stored), "ada", text, 1_000 + len(self.stored))
        self.stored.append(said)
        return said

    def post(self, text: str, status: int = 201) -> Said:
        """A comment that was stored and acknowledged."""
        said = self.store(text)
        self.attempt(text, status, said.number)
        return said

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
                if said.number > position:
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
        places = tuple(self.ledger.place(one) for one in said or self.stored)
        if sort in ("both", ASCENDING):
            self.ledger.readings.append(Reading(VIDEO, ASCENDING, places))
        if sort in ("both", DESCENDING):
            self.ledger.readings.append(Reading(VIDEO, DESCENDING, places[::-1]))
        return self.ledger
