"""A chat log, posted at its own pace.

The loop is open: a comment is due when the log says so, whether or not the ones before it were answered, and its
latency counts from then on. Only an author's own comments wait for one another, as a person's do, so that they keep
their order also where one of them must wait.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from livecomments.authors import Authors, author_of
from livecomments.chatlog import Said
from livecomments.client import Answer, Client
from livecomments.latencies import Latencies

MAX_UNANSWERED: Final = 2_000  # comments that are due and not answered; the log is not read on while there are so many


@dataclass(slots=True)
class Tally:
    """What became of the comments. `waited`: were told to come later at least once; `repeated`: were sent again."""

    posted: int = 0
    archived: int = 0  # answered with 201
    stored: int = 0  # answered with 202
    repeated: int = 0
    waited: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    latencies: Latencies = field(default_factory=Latencies)

    def count(self, answer: Answer, latency_s: float) -> None:
        """Count an answered comment."""
        self.posted += 1
        self.repeated += answer.repeats > 0
        self.waited += answer.waits > 0
        if answer.number is None:
            self.refused[answer.code or "unknown"] += 1
            return
        self.latencies.add(latency_s)
        if answer.status == 201:
            self.archived += 1
        else:
            self.stored += 1


@dataclass(frozen=True, slots=True)
class Due:
    """A comment whose time has come, at `at` of the loop's clock, and the key under which it is stored once."""

    said: Said
    at: float
    key: str


class Replay:
    """Posts a log to one video. `speed` is how many times faster than it was said; 0: as fast as it goes."""

    def __init__(
        self,
        client: Client,
        video: str,
        authors: Authors,
        *,
        speed: float,
        tally: Tally,
        answered: Callable[[Due, Answer], None],
    ) -> None:
        self._client = client
        self._video = video
        self._authors = authors
        self._speed = speed
        self._tally = tally
        self._answered = answered
        # A new one for each replay: the same log may be posted again, and is then said again.
        self._run = secrets.token_hex(8)
        self._room = asyncio.Semaphore(MAX_UNANSWERED)
        self._waiting: dict[str, deque[Due]] = {}  # of the authors who are posting now

    async def run(self, log: Iterable[Said], first_s: float) -> None:
        """Post every message of the log, which begins at `first_s`.

        Raises `UnreachableError` when the server stays away for too long.
        """
        try:
            await self._run_all(log, first_s)
        except ExceptionGroup as group:
            raise group.exceptions[0] from None  # the others only follow from it, or say the same

    async def _run_all(self, log: Iterable[Said], first_s: float) -> None:
        clock = asyncio.get_running_loop()
        began = at = clock.time()
        async with asyncio.TaskGroup() as posting:
            for said in log:
                if self._speed:
                    at = max(at, began + (said.at_s - first_s) / self._speed)
                    await asyncio.sleep(max(0.0, at - clock.time()))
                await self._room.acquire()
                due = Due(said, at if self._speed else clock.time(), f"{self._run}-{said.line}")
                author = author_of(said)
                waiting = self._waiting.get(author)
                if waiting is None:
                    self._waiting[author] = deque((due,))
                    posting.create_task(self._post_all_of(author))
                else:
                    waiting.append(due)

    async def _post_all_of(self, author: str) -> None:
        """Post what an author has to say, one comment after the other."""
        clock = asyncio.get_running_loop()
        waiting = self._waiting[author]
        while waiting:
            due = waiting.popleft()
            answer = await self._client.post(self._video, due.said.message, self._authors.token(author), due.key)
            self._tally.count(answer, clock.time() - due.at)
            self._answered(due, answer)
            self._room.release()
        del self._waiting[author]
