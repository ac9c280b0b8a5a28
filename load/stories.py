"""What happens in the course of a run. Pure: a story is asked how things stand after some share of it.

A story bends the mix that was asked for. `watching` is the share of the watchers that is there, `rate` how many times
the posters' usual rate they post, `focus` the share of posts (and of watchers who come) that goes to the first video.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import Final


@dataclass(frozen=True, slots=True)
class Moment:
    """How things stand at a share `at` of the story; between two moments everything changes evenly."""

    at: float
    watching: float = 1.0
    rate: float = 1.0
    focus: float = 0.0


@dataclass(frozen=True, slots=True)
class Story:
    """A course of things. `cuts`: the shares of it at which watchers lose their connections, and how many of them."""

    name: str
    says: str
    moments: tuple[Moment, ...]
    cuts: tuple[tuple[float, float], ...] = ()

    @property
    def peak(self) -> float:
        """Return the highest rate in it."""
        return max(moment.rate for moment in self.moments)

    def at(self, share: float) -> Moment:
        """Return how things stand after `share` of the story, 0 to 1."""
        moments = self.moments
        place = bisect_right([moment.at for moment in moments], share)
        if place == 0:
            return moments[0]
        if place == len(moments):
            return moments[-1]
        before, after = moments[place - 1], moments[place]
        part = (share - before.at) / (after.at - before.at)

        def between(one: float, other: float) -> float:
            return one + (other - one) * part

        return Moment(
            share,
            between(before.watching, after.watching),
            between(before.rate, after.rate),
            between(before.focus, after.focus),
        )


STEADY: Final = "steady"
REPLAY: Final = "replay"

STORIES: Final = {
    story.name: story
    for story in (
        Story(STEADY, "the same all the time", (Moment(0),)),
        Story(
            "quiet",
            "a quiet evening: people come and go, and say little",
            (
                Moment(0, watching=0.5, rate=0.2),
                Moment(0.3, watching=0.9, rate=0.5),
                Moment(0.55, watching=1.0, rate=0.4),
                Moment(0.6, watching=1.0, rate=1.0),
                Moment(0.65, watching=1.0, rate=0.3),
                Moment(1, watching=0.5, rate=0.1),
            ),
        ),
        # As in a recorded evening: from 2 to 50 comments a second within 5 s, most of it over after a minute.
        Story(
            "goal",
            "a goal is scored: everybody shouts at once",
            (
                Moment(0, watching=0.9),
                Moment(0.4, watching=0.9),
                Moment(0.42, watching=0.95, rate=25),
                Moment(0.5, watching=1.0, rate=10),
                Moment(0.7, watching=1.0, rate=2),
                Moment(1),
            ),
        ),
        Story(
            "raid",
            "a raid of reconnects: all connections are lost at once, and later half of them again",
            (Moment(0),),
            cuts=((0.4, 1.0), (0.7, 0.5)),
        ),
        Story(
            "celebrity",
            "a celebrity joins: everybody comes to one video",
            (
                Moment(0, watching=0.2),
                Moment(0.3, watching=0.2),
                Moment(0.32, watching=0.6, rate=8, focus=0.9),
                Moment(0.4, rate=5, focus=0.9),
                Moment(0.8, rate=2, focus=0.9),
                Moment(1, watching=0.7, focus=0.5),
            ),
        ),
        Story(REPLAY, "a chat log is posted, at its own pace times --speed", (Moment(0, rate=0),)),
    )
}

assert all(one.at < other.at for story in STORIES.values() for one, other in pairwise(story.moments))
