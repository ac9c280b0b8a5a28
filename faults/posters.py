"""The process that posts: users who repeat what they are not sure of, hang up, say a thing twice, and look for it.

Comments are begun at a steady pace. Each that is under way takes one of `at_once` places; when all are taken, because
nobody is answered, nothing new is begun.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

import aiohttp
import orjson

from faults.journal import ATTEMPTS, Journal
from faults.ledger import HUNG_UP
from faults.moderators import Moderators
from faults.texts import body, refusal, text
from faults.worker import obey, report

ANSWER_TIMEOUT_S: Final = 15.0
PATIENCE_S: Final = (3.0, 40.0)  # for one comment: then it is left unknown
LONGEST_WAIT_S: Final = 2.0  # before a repeat
REPORT_INTERVAL_S: Final = 0.5
PACE_INTERVAL_S: Final = 0.02
HANG_UP_S: Final = (0.0, 0.02)
LEAVES_IT_SHARE: Final = 0.2  # of those who hang up
MAX_PAGE: Final = 5

# How often a comment is treated in a special way.
KEYLESS: Final = 0.03
REFUSED: Final = 0.01
HANGS_UP: Final = 0.02
TWINS: Final = 0.02
KEY_ELSEWHERE: Final = 0.02
REPEATS: Final = 0.03
LATER_BODY: Final = 0.01
LOOKS: Final = 0.05
TAKES_BACK: Final = 0.03
SHUT_OUT: Final = 0.003


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one POST; `status` 0: nothing."""

    status: int
    number: int | None = None
    wait_s: float = 0.5

    @property
    def is_known(self) -> bool:
        """Whether there is no point in repeating it."""
        return self.status in (201, 202) or (400 <= self.status < 500 and self.status not in (408, 429))


class Posters:
    """All users, and what they do."""

    def __init__(
        self,
        *,
        url: str,
        folder: str,
        seed: int,
        rate: float,
        at_once: int,
        videos: list[str],
        tokens: dict[str, str],
        moderator: str,
    ) -> None:
        self.newest: dict[str, int] = {}  # acknowledged, by video
        self._url = url
        self._chance = Random(seed)
        self._mark = f"{seed:x}"
        self._rate = rate
        self._videos = videos
        self._tokens = tokens
        self._users = sorted(tokens)
        self._free = at_once
        self._journal = Journal(Path(folder) / ATTEMPTS)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=20),
            timeout=aiohttp.ClientTimeout(total=ANSWER_TIMEOUT_S),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self._moderators = Moderators(
            url=url, session=self._session, journal=self._journal, chance=self._chance, moderator=moderator
        )
        self._counts: Counter[str] = Counter()
        self._ids = itertools.count()
        self._marks = itertools.count()
        self._under_way: set[asyncio.Task[None]] = set()
        self._work = [asyncio.create_task(self._pace()), asyncio.create_task(self._report())]

    async def stop(self) -> dict[str, Any]:
        """Begin nothing new, and return when all is done: what was counted, and the newest number of each video."""
        self._work[0].cancel()
        self._moderators.end()
        if self._under_way:
            await asyncio.wait(self._under_way)
        self._work[1].cancel()
        await self._session.close()
        with self._journal:
            pass
        return {"counts": dict(self._counts), "newest": self.newest, "removals": self._moderators.newest}

    # The pace.

    async def _pace(self) -> None:
        begun, started = 0, time.monotonic()
        while True:
            await asyncio.sleep(PACE_INTERVAL_S)
            due = int((time.monotonic() - started) * self._rate)
            for _ in range(due - begun):
                if self._free > 0:
                    self._begin(self._comment())
                else:
                    self._counts["not begun"] += 1
            begun = due

    def _begin(self, comment: Coroutine[Any, Any, None]) -> None:
        self._free -= 1
        task = asyncio.create_task(comment)
        self._under_way.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._free += 1
        self._under_way.discard(task)
        error = task.exception()
        if error is not None:
            report({"trouble": f"a poster failed: {type(error).__name__}: {error}"})

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(REPORT_INTERVAL_S)
            self._journal.flush()
            report({"posted": dict(self._counts)})

    # What a user does.

    async def _comment(self) -> None:
        chance = self._chance
        mark = f"{self._mark}.{next(self._marks):x}"
        video, user = self._video(), chance.choice(self._users)
        turn = chance.random()
        if turn < REFUSED:
            await self._be_refused(video, user, mark)
            return
        said = text(chance, mark)
        if (turn := turn - REFUSED) < SHUT_OUT:
            await self._moderators.shut_out(video, user, lambda: self._post(video, user, mark, said))
            return
        if (turn := turn - SHUT_OUT) < KEYLESS:
            await self._post(video, user, None, said)
            return
        if (turn := turn - KEYLESS) < HANGS_UP:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(chance.uniform(*HANG_UP_S)):
                    await self._post(video, user, mark, said)
            if chance.random() < LEAVES_IT_SHARE:
                return
        elif (turn := turn - HANGS_UP) < TWINS:
            await asyncio.gather(self._persist(video, user, mark, said), self._post(video, user, mark, said))
        elif turn - TWINS < KEY_ELSEWHERE:
            other_video, other_user = chance.choice(self._videos), chance.choice(self._users)
            if other_video != video:
                self._more(self._persist(other_video, user, mark, f"{mark}-v elsewhere"))
            if other_user != user:
                self._more(self._persist(video, other_user, mark, f"{mark}-u by somebody else"))
        answer = await self._persist(video, user, mark, said)
        if answer.number is not None:
            await self._afterwards(video, user, mark, said, answer)

    async def _afterwards(self, video: str, user: str, mark: str, said: str, answer: Answer) -> None:
        """What may follow an acknowledgement."""
        chance = self._chance
        if answer.status == 201 and answer.number is not None and chance.random() < LOOKS:
            await self._look(video, user, answer.number)
        turn = chance.random()
        if turn < REPEATS:
            await self._post(video, user, mark, said)
        elif turn - REPEATS < LATER_BODY:
            await self._post(video, user, mark, f"{mark}-l a later body")
        if answer.number is not None and chance.random() < TAKES_BACK:
            await self._moderators.take_back(video, user, self._tokens[user], answer.number)

    async def _persist(self, video: str, user: str, key: str, said: str) -> Answer:
        """Post until it is known what came of it, or patience is over."""
        give_up = time.monotonic() + self._chance.uniform(*PATIENCE_S)
        while True:
            answer = await self._post(video, user, key, said)
            if answer.is_known or time.monotonic() + answer.wait_s > give_up:
                return answer
            await asyncio.sleep(answer.wait_s * self._chance.uniform(0.5, 1.0))

    def _more(self, posting: Coroutine[Any, Any, Answer]) -> None:
        async def post() -> None:
            await posting

        self._begin(post())

    async def _be_refused(self, video: str, user: str, mark: str) -> None:
        wrong = refusal(self._chance, mark)
        headers = dict(wrong.headers)
        if wrong.with_token:
            headers["Authorization"] = f"Bearer {self._tokens[user]}"
        await self._send(video, user, None, wrong.text, wrong.body, headers)

    async def _post(self, video: str, user: str, key: str | None, said: str) -> Answer:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._tokens[user]}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        return await self._send(video, user, key, said, body(said), headers)

    async def _send(
        self, video: str, user: str, key: str | None, said: str, data: bytes, headers: dict[str, str]
    ) -> Answer:
        """Send one POST, and write down that it was, and what came of it: also when it is broken off."""
        number = next(self._ids)
        line = {"attempt": number, "t": time.monotonic_ns(), "video": video, "user": user, "key": key, "text": said}
        self._journal.write(line)
        answer, code = Answer(0), HUNG_UP
        try:
            async with self._session.post(f"{self._url}/comments/{video}", data=data, headers=headers) as response:
                document = orjson.loads(await response.read())
                comment_id = document.get("commentId")
                wait_s = min(float(response.headers.get("Retry-After", "0.5")), LONGEST_WAIT_S)
                answer = Answer(response.status, int(comment_id) if comment_id is not None else None, wait_s)
                code = document.get("code")
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, AttributeError) as error:
            code = type(error).__name__
        finally:
            line = {"status": answer.status, "number": answer.number, "code": code}
            self._journal.write({"answer": number, "t": time.monotonic_ns(), **line})
            self._counts[str(answer.status)] += 1
        if answer.number is not None:
            self.newest[video] = max(self.newest.get(video, 0), answer.number)
        return answer

    async def _look(self, video: str, user: str, number: int) -> None:
        """Read a page that must hold a comment that was just answered 201."""
        cursor, limit, began_ns = number + 1, self._chance.randint(1, MAX_PAGE), time.monotonic_ns()
        query = {"cursor": str(cursor), "limit": str(limit)}
        headers = {"Authorization": f"Bearer {self._tokens[user]}"}
        try:
            async with self._session.get(f"{self._url}/comments/{video}", params=query, headers=headers) as response:
                if response.status != 200:
                    return
                document = orjson.loads(await response.read())
        except (aiohttp.ClientError, TimeoutError, OSError):
            return
        said = [
            [int(one["id"]), one.get("userId", ""), one.get("message", ""), one["timestamp"]]
            for one in document["comments"]
        ]
        whole = document["nextCursor"] is None
        self._journal.write({"page": video, "t": began_ns, "cursor": cursor, "said": said, "whole": whole})
        self._counts["pages"] += 1

    def _video(self) -> str:
        """Return a video; the first ones are more popular."""
        return self._videos[min(int(self._chance.expovariate(4 / len(self._videos))), len(self._videos) - 1)]


_posters: list[Posters] = []


async def start(**load: Any) -> None:
    """Begin to post."""
    _posters.append(Posters(**load))


async def stop() -> dict[str, Any]:
    """Come to an end."""
    return await _posters.pop().stop()


if __name__ == "__main__":
    obey({"start": start, "stop": stop})
