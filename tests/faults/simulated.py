"""A service that keeps its promises, with clients that do what they like: its ledger is always clean."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import NamedTuple

from faults.ledger import (
    ASCENDING,
    BAN,
    DELETE,
    DESCENDING,
    UNBAN,
    Attempt,
    Closed,
    Connect,
    Fate,
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
from wire.video import shard_of

SHARDS = 2
VIDEOS = ("video-a", "video-b", "video-c")
FIRST_NUMBER = 1_000_000


class Gone(NamedTuple):
    """The message `number` removes comments."""

    number: int


class Simulation:
    """One thing happens after the other; each takes a nanosecond."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.ledger = Ledger(SHARDS)
        self.stored: dict[str, list[Said]] = {video: [] for video in VIDEOS}
        self.stream: dict[str, list[Said | Gone]] = {video: [] for video in VIDEOS}
        self.removed: set[tuple[str, int]] = set()
        self.archived: dict[str, int] = dict.fromkeys(VIDEOS, 0)  # how many of a video's comments are in Postgres
        self.pending: list[Attempt] = []
        self.watching: dict[str, Life] = {}  # connected
        self.away: list[Life] = []  # between two connections
        self.next_number = [FIRST_NUMBER + shard for shard in range(SHARDS)]
        self.now_ns = 0

    def run(self, steps: int) -> Ledger:
        things = [self.send] * 4 + [self.end] * 4 + [self.arrive, self.leave, self.come_back, self.show, self.show]
        things += [self.archive, self.page, self.remove]
        for _ in range(steps):
            self.chance.choice(things)()
        self.finish()
        return self.ledger

    def tick(self) -> int:
        self.now_ns += 1
        return self.now_ns

    # Posting.

    def send(self) -> None:
        video = self.chance.choice(VIDEOS)
        count = len(self.ledger.attempts)
        attempt = Attempt(video, f"user-{count % 5}", f"key-{count}", f"text {count}", self.tick())
        earlier = [one for one in self.ledger.attempts if one.fate is not Fate.REFUSED]
        if earlier and self.chance.random() < 0.3:
            first = self.chance.choice(earlier)
            attempt = replace(first, began_ns=self.tick(), ended_ns=None, status=0, number=None)
            if first.fate is Fate.ACKNOWLEDGED and self.chance.random() < 0.5:
                attempt.text = f"another body {count}"
        self.ledger.attempts.append(attempt)
        self.pending.append(attempt)

    def end(self) -> None:
        if not self.pending:
            return
        attempt = self.pending.pop(self.chance.randrange(len(self.pending)))
        known = self.stored_as(attempt)
        if known is None and self.chance.random() < 0.1 and not self.is_repeat(attempt):
            self.answer(attempt, 400)
            return
        if known is None and self.chance.random() < 0.8:
            known = self.store(attempt)
        if known is None or self.chance.random() < 0.2:
            if self.chance.random() < 0.5:
                self.answer(attempt, 503)
            return
        self.answer(attempt, 201 if self.is_archived(known) else 202, known.number)

    def answer(self, attempt: Attempt, status: int, number: int | None = None) -> None:
        attempt.ended_ns, attempt.status, attempt.number = self.tick(), status, number

    def is_repeat(self, attempt: Attempt) -> bool:
        return any(one is not attempt and one.key == attempt.key for one in self.ledger.attempts)

    def stored_as(self, attempt: Attempt) -> Said | None:
        texts = {one.text for one in self.ledger.attempts if one.key == attempt.key}
        return next((said for said in self.stored[attempt.video] if said.text in texts), None)

    def store(self, attempt: Attempt) -> Said:
        said = Said(attempt.video, self.number(attempt.video), attempt.user, attempt.text, self.tick())
        self.stored[attempt.video].append(said)
        self.stream[attempt.video].append(said)
        return said

    def number(self, video: str) -> int:
        shard = shard_of(video, SHARDS)
        self.next_number[shard] += self.chance.choice((1, 1, 1, 5))
        return self.next_number[shard]

    # Moderating. Whoever is shut out is let in again at once.

    def remove(self) -> None:
        found = [one for one in self.ledger.attempts if one.fate is Fate.ACKNOWLEDGED]
        if not found:
            return
        about = self.chance.choice(found)
        kind = self.chance.choice((DELETE, DELETE, DELETE, BAN))
        ruling = Ruling(kind, about.video, about.user, about.number if kind == DELETE else None, self.tick())
        self.ledger.rulings.append(ruling)
        done = self.chance.random() < 0.9
        if done:
            gone = Gone(self.number(about.video))
            self.stream[about.video].append(gone)
            comments = [one for one in self.stored[about.video] if one.user == about.user]
            numbers = [ruling.comment] if kind == DELETE else [one.number for one in comments]
            self.removed |= {(about.video, number) for number in numbers}
        if done and self.chance.random() < 0.9:
            ruling.ended_ns, ruling.status, ruling.number = self.tick(), 200, gone.number
        elif self.chance.random() < 0.5:
            ruling.ended_ns, ruling.status = self.tick(), 503
        if kind == BAN:
            self.ledger.rulings.append(Ruling(UNBAN, about.video, about.user, None, self.tick(), self.tick(), 200))

    def left(self, said: Said) -> Said:
        """Return what is left of a comment."""
        return said._replace(user="", text="") if (said.video, said.number) in self.removed else said

    # History.

    def archive(self) -> None:
        video = self.chance.choice(VIDEOS)
        self.archived[video] = len(self.stored[video])

    def is_archived(self, said: Said) -> bool:
        return said in self.stored[said.video][: self.archived[said.video]]

    def page(self) -> None:
        video = self.chance.choice(VIDEOS)
        cursor = FIRST_NUMBER + self.chance.randrange(200)
        there = [said for said in self.stored[video][: self.archived[video]] if said.number < cursor][::-1]
        limit = self.chance.randint(1, 5)
        places = tuple(self.ledger.place(self.left(said)) for said in there[:limit])
        self.ledger.pages.append(Page(video, self.tick(), cursor, places, whole=len(there) <= limit))

    # Viewers. What a life has reached stands in `reached`: everything up to there was shown to it, or told missing.

    def arrive(self) -> None:
        name = f"viewer-{len(self.ledger.lives)}"
        life = Life(name, self.chance.choice(VIDEOS))
        self.ledger.lives.append(life)
        self.connect(life, self.chance.choice((None, 0)))

    def come_back(self) -> None:
        if self.away:
            life = self.away.pop(self.chance.randrange(len(self.away)))
            self.connect(life, self.position(life))

    def leave(self) -> None:
        if self.watching:
            life = self.watching.pop(self.chance.choice(sorted(self.watching)))
            life.step(Closed(self.tick(), "own will"))
            self.away.append(life)

    def position(self, life: Life) -> int | None:
        told = [step.position for _, step in life.steps if isinstance(step, Told) and step.position is not None]
        sent = [step.position for _, step in life.steps if isinstance(step, Connect) and step.position is not None]
        shown = [self.ledger.said[place].number for place in life.shown]
        return max([*told, *sent, *shown], default=None)

    def connect(self, life: Life, position: int | None) -> None:
        life.step(Connect(self.tick(), position))
        if self.chance.random() < 0.1:
            life.step(Closed(self.tick(), "the gateway was down"))
            self.away.append(life)
            return
        life.step(Opened(self.tick()))
        missing = self.unseen(life, position)
        replayed = missing[: self.chance.randint(0, len(missing))] if self.chance.random() < 0.3 else missing
        rest = missing[len(replayed) :]
        if position is not None:
            self.show_to(life, replayed)
        newest = self.stream[life.video][-1].number if self.stream[life.video] else None
        data = {"resumed": position is not None, "complete": True}
        told = newest if position is None or self.chance.random() < 0.3 else None
        if rest and position is not None:
            data |= {"complete": False, "from": str(rest[0].number), "to": str(rest[-1].number)}
            told = rest[-1].number
        life.step(Told(self.tick(), "sync", told, data))
        self.watching[life.viewer] = life

    def unseen(self, life: Life, position: int | None) -> list[Said | Gone]:
        return [one for one in self.stream[life.video] if one.number > (position or 0)]

    def show(self) -> None:
        if not self.watching:
            return
        life = self.watching[self.chance.choice(sorted(self.watching))]
        waiting = self.unseen(life, self.position(life))
        if len(waiting) > 2 and self.chance.random() < 0.2:
            count = self.chance.randint(1, len(waiting))
            data = {"from": str(waiting[0].number), "to": str(waiting[count - 1].number), "count": count}
            life.step(Told(self.tick(), "skipped", waiting[count - 1].number, data))
            waiting = waiting[count:]
        self.show_to(life, waiting[: self.chance.randint(0, len(waiting))])

    def show_to(self, life: Life, shown: list[Said | Gone]) -> None:
        for one in shown:
            if isinstance(one, Gone):
                life.step(Told(self.tick(), "delete", one.number, {}))
            elif self.left(one) is one:
                life.show(self.ledger.place(one), self.tick())

    # The end.

    def finish(self) -> None:
        for attempt in self.pending:
            if self.stored_as(attempt) is None and self.chance.random() < 0.5:
                self.store(attempt)
        for life in self.watching.values():
            self.show_to(life, self.unseen(life, self.position(life)))
            life.to_the_end = True
        for video, stored in self.stored.items():
            places = tuple(self.ledger.place(self.left(said)) for said in stored)
            self.ledger.readings += [Reading(video, ASCENDING, places), Reading(video, DESCENDING, places[::-1])]
        self.ledger.faults.append(Fired("kill", "edge", 0, 0))
