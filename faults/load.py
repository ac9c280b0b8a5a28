"""The load of a run, wherever the system runs: viewers and posters begin, and at the end all history is read back."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from faults.journal import Journal
from faults.ledger import Ledger
from faults.worker import Report, Worker
from runtime.tokens import Tokens

TOKEN_TTL_S: Final = 24 * 3600.0
LET_IN_WITHIN_S: Final = 60.0
CAUGHT_UP_WITHIN_S: Final = 60.0
AT_ONCE: Final = 256  # comments under way


@dataclass(frozen=True, slots=True)
class Amount:
    """How much is going on. `rate` is in comments a second; `at_once` is how many comments may be under way."""

    rate: float
    followers: int
    passers: int
    videos: int
    users: int
    at_once: int = AT_ONCE
    stay_s: float = 15.0  # on the average, before a viewer leaves as it likes
    longest_away_s: float = 30.0  # … and comes back


class Load:
    """The processes of a load. What they count is in `figures`; trouble that they report is written down."""

    def __init__(
        self,
        folder: Path,
        ledger: Ledger,
        journal: Journal,
        say: Callable[[str], None],
        heard: Callable[[], None] = lambda: None,
    ) -> None:
        """`say` is told of trouble, `heard` of new figures."""
        self.figures: dict[str, Any] = {}
        self._folder = folder
        self._ledger = ledger
        self._journal = journal
        self._say = say
        self._heard_more = heard
        self._workers: dict[str, Worker] = {}
        self._posted: dict[str, dict[str, int]] = {}
        self._videos: list[str] = []
        self._newest: dict[str, int] = {}  # that history has, by video
        self._ask: dict[str, str] = {}  # what the historian is told each time

    @property
    def acknowledged(self) -> Mapping[str, int]:
        """Return how many comments were answered with 201, and with 202."""
        posted: dict[str, int] = self.figures.get("posted", {})
        return {status: posted.get(status, 0) for status in ("201", "202")}

    def trouble(self, trouble: str) -> None:
        """Write down what did not come back by itself."""
        self._journal.write({"trouble": trouble})
        self._say(f"trouble: {trouble}")

    async def worker(self, stack: contextlib.AsyncExitStack, name: str) -> Worker:
        """Start a process of the suite, which ends with the stack."""
        worker = Worker(name, self._heard)
        await worker.start(f"faults.{name}")
        stack.push_async_callback(worker.stop)
        return worker

    async def begin(
        self, stack: contextlib.AsyncExitStack, url: str, tokens: Tokens, amount: Amount, chance: Random
    ) -> None:
        """Let viewers in and begin to post. Raises `WorkerError`."""
        for name in ("viewers", "posters", "historian"):
            self._workers[name] = await self.worker(stack, name)
        self._videos = [f"faults-{self._ledger.seed:x}-{number}" for number in range(amount.videos)]
        self._ask = {"url": url, "token": tokens.issue("historian", TOKEN_TTL_S)}
        common = {"url": url, "folder": str(self._folder), "videos": self._videos}
        count = amount.followers + amount.passers
        let_in = await self._workers["viewers"].ask(
            "start",
            **common,
            seed=chance.getrandbits(32),
            followers=amount.followers,
            passers=amount.passers,
            stay_s=amount.stay_s,
            longest_away_s=amount.longest_away_s,
            tokens=[tokens.issue(f"viewer-{index}", TOKEN_TTL_S) for index in range(count)],
            within_s=LET_IN_WITHIN_S,
        )
        if let_in < count:
            self.trouble(f"only {let_in} of {count} viewers were let in at the beginning")
        users = [f"user-{index}" for index in range(amount.users)]
        self._ledger.began_ns = time.monotonic_ns()
        await self._workers["posters"].ask(
            "start",
            **common,
            seed=self._ledger.seed,
            rate=amount.rate,
            at_once=amount.at_once,
            tokens={user: tokens.issue(user, TOKEN_TTL_S) for user in users},
            moderator=tokens.issue("moderator", TOKEN_TTL_S, role="moderator", videos=["*"]),
        )

    async def stop_posting(self) -> None:
        """Begin nothing new, and return when all that was begun is done. Raises `WorkerError`."""
        self._posted = await self._workers["posters"].ask("stop")
        self._ledger.ended_ns = time.monotonic_ns()

    async def read_back(self, *, read_s: float) -> None:
        """Read the whole history back, both ways. Raises `WorkerError`."""
        historian = self._workers["historian"]
        newest = self._posted["newest"]
        behind = await historian.ask("catch_up", **self._ask, newest=newest, within_s=CAUGHT_UP_WITHIN_S)
        for video, number in behind.items():
            self.trouble(f"{video}: history did not come to {number} in {CAUGHT_UP_WITHIN_S:.0f} s")
        folder = str(self._folder)
        self._newest = await historian.ask("read", **self._ask, folder=folder, videos=self._videos, within_s=read_s)

    async def settle(self, *, within_s: float) -> None:
        """Wait until every viewer has all there is, and send them home. Raises `WorkerError`."""
        viewers, removals = self._workers["viewers"], self._posted["removals"]
        newest = {video: max(self._newest.get(video, 0), removals.get(video, 0)) for video in self._videos}
        for viewer in await viewers.ask("settle", newest=newest, within_s=within_s):
            self.trouble(f"viewer {viewer} did not come to the end in {within_s:.0f} s")
        await viewers.ask("stop")

    def _heard(self, report: Report) -> None:
        if "trouble" in report:
            self.trouble(report["trouble"])
        else:
            self.figures.update(report)
            self._heard_more()
