"""How many users there are, as the story goes. What a log's replay waits for, and its end, are decided here too."""

from __future__ import annotations

import math
import time
from typing import Final

from locust import LoadTestShape, User

from load.options import SETTLE_S, Wanted, wanted
from load.poster import Poster
from load.reader import Reader
from load.replayer import Replayer
from load.watcher import Watcher

WATCHING_STEPS: Final = 20  # in finer ones locust would be busy with nothing but counting its users anew


class Mix(LoadTestShape):
    """The users that the command line asks for, as many as the story has there at the moment."""

    use_common_options = True
    abstract = False

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.posted_at: float | None = None  # when the whole log was posted, in the process that did so
        self.log_is_posted = False
        self._wanted: Wanted | None = None

    def tick(self) -> tuple[int, float] | None:
        """Return how many users there are to be now, and how many may come a second; None ends the run."""
        if self._wanted is None or self.runner is None or self.runner.state in ("ready", "stopped"):
            self._begin()
        assert self._wanted is not None
        asked, ran_s = self._wanted, self.get_run_time()  # type: ignore[no-untyped-call]
        options = self.runner.environment.parsed_options if self.runner is not None else None
        over = bool(options and options.run_time and ran_s > options.run_time)
        if asked.chat_log is not None:
            if self.log_is_posted and self.posted_at is None:
                self.posted_at = time.monotonic()
            over |= self.posted_at is not None and time.monotonic() - self.posted_at > SETTLE_S
        elif asked.story.cuts or asked.story.peak != 1 or len(asked.story.moments) > 1:
            over |= ran_s > asked.seconds
        if over:
            self._wanted = None
            return None
        watching = asked.story.at(min(1.0, ran_s / asked.seconds)).watching
        return asked.users(math.ceil(watching * WATCHING_STEPS) / WATCHING_STEPS), asked.spawn_rate

    def _begin(self) -> None:
        assert self.runner is not None
        environment = self.runner.environment
        assert environment.parsed_options is not None
        self._wanted = asked = wanted(environment.parsed_options)
        self.posted_at, self.log_is_posted = None, False
        fixed: dict[type[User], int] = {Poster: asked.posters, Reader: asked.readers, Replayer: asked.replayers}
        for kind, count in fixed.items():
            kind.fixed_count = count
        kinds = [kind for kind, count in fixed.items() if count]
        environment.user_classes = [*kinds, Watcher] if asked.watchers else kinds
