"""What one process of the load has posted and seen in one run."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Final, TypeVar
from zlib import crc32

import gevent
from locust.env import Environment

from bench.ledger import Verdict, total
from livecomments.cluster_here import token_issuer
from load.options import Wanted, wanted
from load.rows import Deliveries
from load.seen import Accepted, Seen, Watch
from load.stamp import Stamps
from load.stories import Moment
from runtime.settings import read_settings

TOKEN_TTL_S: Final = 24 * 3600
ANSWERS_S: Final = 75.0  # posts that are on their way when the run ends have so long for their answers
LAST_ONES_S: Final = 15.0  # and what was accepted has so long to reach every watcher
NOTHING_NEW_S: Final = 4.0  # unless all who lack something have their streams, and nothing comes any more
SETTLE_S: Final = 1.0  # for what comes twice
LOOK_S: Final = 0.1

Numbers = dict[str, list[tuple[int, float]]]  # by video: a comment's number, and when its poster knew
Found = TypeVar("Found")


class Run:
    """A run, as one process knows it."""

    def __init__(self, environment: Environment) -> None:
        options = environment.parsed_options
        assert options is not None
        self.wanted: Wanted = wanted(options)
        self.mark: str = options.run_mark
        self.stamps = Stamps(self.mark)
        self.deliveries = Deliveries()
        self.accepted: dict[str, list[tuple[int, float]]] = defaultdict(list)
        self.watches: list[tuple[str, Watch]] = []  # of everybody who watches or has watched
        self.on_way = 0  # posts without an answer
        self.unknown = 0  # posts that may be stored or not: nobody is owed them
        self.all_posted = self.wanted.chat_log is None  # the log, that is
        self.quiet = False  # nobody posts any more
        self.everybody_there = False  # all users have been started: a log begins
        self._tokens = token_issuer(read_settings())
        self._seen: dict[str, Seen] = defaultdict(Seen)
        self._began = time.monotonic()

    def video(self, index: int) -> str:
        """Return the id of a video, the same in every process and new in every run."""
        return f"load-{self.mark}-{index % self.wanted.videos}"

    def video_for(self, author: str) -> str:
        """Return the video that an author of a chat log speaks on."""
        return self.video(crc32(author.encode()))

    def token(self, user: str, role: str | None = None) -> str:
        """Return a token."""
        return self._tokens.issue(user, TOKEN_TTL_S, role=role) if role else self._tokens.issue(user, TOKEN_TTL_S)

    @property
    def share(self) -> float:
        """Return how much of the story is over."""
        return min(1.0, (time.monotonic() - self._began) / self.wanted.seconds)

    @property
    def moment(self) -> Moment:
        """Return how things stand in the story."""
        return self.wanted.story.at(self.share)

    def begin_watch(self, video: str, since: int) -> Watch:
        """Return where a new watcher's comments are noted."""
        watch = Watch(self._seen[video], since)
        self.watches.append((video, watch))
        return watch

    def end_posting(self) -> Numbers:
        """Post nothing any more, wait for the answers, and return what this process knows to be stored."""
        self.quiet = True
        _wait(lambda: not self.on_way, ANSWERS_S)
        self.unknown += self.on_way
        return {video: list(numbers) for video, numbers in self.accepted.items()}

    def judge(self, accepted: Numbers) -> Verdict:
        """Give the watchers here the time to get what all processes know to be stored, and judge them."""
        lacking, received, changed_at = self.watches, -1, 0.0

        def all_there() -> bool:
            nonlocal lacking, received, changed_at
            lacking = [(video, watch) for video, watch in lacking if _yielding(watch.missing, accepted, video)]
            waiting = [watch for _, watch in lacking if watch.left_at is None]
            now, count = time.monotonic(), sum(watch.received for watch in waiting)
            if count != received or any(watch.is_away for watch in waiting):
                received, changed_at = count, now
            return not waiting or now - changed_at > NOTHING_NEW_S

        _wait(all_there, LAST_ONES_S)
        gevent.sleep(SETTLE_S)
        return total(_yielding(watch.judge, accepted, video) for video, watch in self.watches)


def _yielding(ask: Callable[[Accepted], Found], accepted: Numbers, video: str) -> Found:
    """Ask something of one watcher, and let the others go on: there are many, and a silent process counts as lost."""
    gevent.sleep(0)
    return ask(accepted.get(video, ()))


def _wait(until: Callable[[], bool], longest_s: float) -> None:
    give_up = time.monotonic() + longest_s
    while not until() and time.monotonic() < give_up:
        gevent.sleep(LOOK_S)


_runs: list[Run] = []


def begin(environment: Environment) -> Run:
    """Begin a run in this process; what an earlier one has seen is forgotten."""
    _runs[:] = [Run(environment)]
    return _runs[0]


def current() -> Run:
    """Return the run that is under way."""
    return _runs[0]


def is_begun() -> bool:
    """Whether there is, or was, a run."""
    return bool(_runs)
