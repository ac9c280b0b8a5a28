"""Whether a shard's stream answers, and since when it does not. Pure: the time is passed in, in seconds.

| state | new comments | left by |
|---|---|---|
| answering | taken, and held for up to `hold_s` | a round without an answer: failing |
| failing | likewise | an answer: answering; `hold_s` after the first comment without an answer came: away |
| away | refused at once | an answer to a comment still held: answering; an answer to a probe: trying |
| trying | taken, but not held | an answer: answering; a round without one: away |
"""

from __future__ import annotations

from enum import Enum, auto


class State(Enum):
    """One of the states above."""

    ANSWERING = auto()
    FAILING = auto()
    AWAY = auto()
    TRYING = auto()


class StoreHealth:
    """The state of one shard's stream, as rounds and probes tell it."""

    def __init__(self, hold_s: float) -> None:
        self.state = State.ANSWERING
        self._hold_s = hold_s
        self._failing_since_s = 0.0

    def answered(self) -> None:
        """Hear that a round had an answer, whatever it said."""
        self.state = State.ANSWERING

    def unanswered(self, came_s: float, now_s: float) -> None:
        """Hear that a round had no answer, whose oldest comment came at `came_s`."""
        if self.state is State.ANSWERING:
            self.state, self._failing_since_s = State.FAILING, came_s
        elif self.state is State.TRYING:
            self.state = State.AWAY
        self.passed(now_s)

    def passed(self, now_s: float) -> None:
        """Hear that time has passed."""
        if self.state is State.FAILING and now_s >= self._failing_since_s + self._hold_s:
            self.state = State.AWAY

    def probe_answered(self) -> None:
        """Hear that JetStream answers for the shard, which does not say yet that it stores."""
        if self.state is State.AWAY:
            self.state = State.TRYING
