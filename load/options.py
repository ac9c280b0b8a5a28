"""What the command line and the web page may ask for."""

from __future__ import annotations

import argparse
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from locust.argument_parser import LocustArgumentParser

from load.stories import REPLAY, STEADY, STORIES, Story

DEFAULT_SECONDS: Final = 120  # of a story, where --run-time says nothing
SETTLE_S: Final = 3  # after the last message of a chat log
VIDEOS: Final = 10
SPAWN_RATE: Final = 50.0  # users who come a second
BY_DEFAULT: Final = "users_by_default"


def add_options(parser: LocustArgumentParser, **_: Any) -> None:
    """Add ours to locust's options."""
    group = parser.add_argument_group("live comments")
    group.add_argument("--watchers", type=int, default=80, help="users who watch a stream")
    group.add_argument("--posters", type=int, default=20, help="users who post; together --rate comments a second")
    group.add_argument("--readers", type=int, default=10, help="users who read a video's comments backwards")
    group.add_argument("--rate", type=float, default=20.0, help="comments a second of all posters together")
    group.add_argument("--videos", type=int, default=0, help=f"videos; 0: {VIDEOS}, of a replayed chat log 1")
    group.add_argument("--story", default=STEADY, choices=list(STORIES), help="what happens in the course of the run")
    group.add_argument("--chat-log", default="", help='a log to replay, {"t","user","message"} a line, .gz or not')
    group.add_argument("--speed", type=float, default=1.0, help="how many times faster than it was said")
    group.add_argument("--lines", type=int, default=0, help="only so many messages of the log; 0: all")
    group.add_argument("--charts", default="", help="write the charts here when the run ends: a page, or one .svg")
    # Given by the process that leads to all others, for each run.
    parser.add_argument("--run-mark", default="", help="for the load's own use", include_in_web_ui=False)
    # Locust does not tell its workers how long a run is, and each of them has to know where in the story it is.
    parser.add_argument("--story-seconds", type=float, default=0, help=argparse.SUPPRESS, include_in_web_ui=False)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a run is to be: the options, read and checked."""

    watchers: int
    posters: int
    readers: int
    rate: float
    videos: int
    story: Story
    chat_log: Path | None
    speed: float
    lines: int | None
    seconds: float
    spawn_rate: float

    @property
    def replayers(self) -> int:
        """Return how many post a chat log: one, or none."""
        return int(self.chat_log is not None)

    def users(self, watching: float = 1.0) -> int:
        """Return all users together while that share of the watchers is there."""
        return round(self.watchers * watching) + self.posters + self.readers + self.replayers


def wanted(options: Namespace) -> Wanted:
    """Return what is asked for. Raises `ValueError`, saying what is wrong."""
    story = STORIES[options.story]
    log = Path(options.chat_log) if options.chat_log else None
    if log is not None and story.name == STEADY:
        story = STORIES[REPLAY]
    if (log is not None) != (story.name == REPLAY):
        raise ValueError("--story replay and --chat-log FILE go together")
    if log is not None and not log.is_file():
        raise ValueError(f"there is no chat log {log}")
    counts = (options.watchers, options.posters, options.readers, options.videos, options.lines)
    if min(counts) < 0 or not options.speed > 0 or not options.rate >= 0:
        raise ValueError("no count may be below 0, and --speed must be above it")
    posters = 0 if log is not None or options.rate == 0 else options.posters
    others = posters + options.readers + int(log is not None)
    watchers = options.watchers
    if options.num_users not in (None, getattr(options, BY_DEFAULT, None)):
        watchers = max(0, options.num_users - others)  # of --users, what is not posters and readers watches
    return Wanted(
        watchers=watchers,
        posters=posters,
        readers=options.readers,
        rate=options.rate,
        videos=options.videos or (1 if log is not None else VIDEOS),
        story=story,
        chat_log=log,
        speed=options.speed,
        lines=options.lines or None,
        seconds=float(options.run_time or options.story_seconds or DEFAULT_SECONDS),
        spawn_rate=options.spawn_rate or SPAWN_RATE,
    )


def fill_in(options: Namespace) -> None:
    """Have --users and --spawn-rate say what the mix comes to, where nobody gave them; locust would take 1."""
    if options.spawn_rate is None:
        options.spawn_rate = SPAWN_RATE
    if options.num_users is None:
        options.num_users = wanted(options).users()
        setattr(options, BY_DEFAULT, options.num_users)
