"""What a measurement does: who posts what when, and who watches which video."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

SEED: Final = 1  # the same plan each time
TEXTS: Final = (
    "what a goal, unbelievable scenes here tonight",
    "hahaha",
    "can anybody else hear the echo?",
    "greetings from Lisbon 🇵🇹",
    "これはすごい",
    "I have waited all week for this one, and it does not disappoint at all so far",
    "+1",
)


@dataclass(frozen=True, slots=True)
class Planned:
    """A comment to be posted, due so many seconds after the start."""

    due_s: float
    video: str
    author: int
    text: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A measurement: a constant rate of comments, spread evenly at random over videos and authors."""

    run: str
    rate: float
    videos: int
    viewers: int
    authors: int
    seconds: float
    warmup_s: float

    def video(self, index: int) -> str:
        """Return the id of a video: a new one for each run, so that nothing is in it yet."""
        return f"bench-{self.run}-{index % self.videos}"

    def comments(self) -> list[Planned]:
        """Return every comment, the warm-up's included, in the order in which they are due."""
        chance = random.Random(SEED)
        return [
            Planned(
                due_s=index / self.rate,
                video=self.video(chance.randrange(self.videos)),
                author=chance.randrange(self.authors),
                text=chance.choice(TEXTS),
            )
            for index in range(round(self.rate * (self.warmup_s + self.seconds)))
        ]


def timed_text(due_ns: int, text: str) -> str:
    """Return the text of a comment that carries when it was due, by the clock that all processes here share."""
    return f"{due_ns} {text}"


def due_ns_of(message: str) -> int:
    """Return when a comment was due."""
    return int(message.partition(" ")[0])
