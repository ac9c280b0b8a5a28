"""The process that watches: viewers who leave and come back as they like, and come back after every cut.

Followers are there all along. Passers-by read the newest page, open a stream from there, as the contract says that one
joins without a hole, and leave for good after a while; another one takes their place.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any, Final

import aiohttp
import orjson

from faults.journal import VIEWERS, Journal
from faults.worker import obey, report
from wire.sse import EventParser

SILENCE_S: Final = 45.0  # three heartbeats
CONNECT_TIMEOUT_S: Final = 5.0
PAGE_TIMEOUT_S: Final = 10.0
SHORT_ABSENCE_S: Final = (0.0, 2.0)
LONG_ABSENCE_SHARE: Final = 0.06  # of absences: the stream may have been trimmed meanwhile
PASSING_S: Final = (3.0, 30.0)
FROM_THE_BEGINNING_SHARE: Final = 0.5  # of the followers; the others begin without a position
RETRY_S: Final = (0.5, 1.5)  # where the stream has not said otherwise
LONGEST_RETRY_S: Final = 3.0
REPORT_INTERVAL_S: Final = 0.5
LOOK_INTERVAL_S: Final = 0.1
KEPT_EVENTS: Final = 5_000  # of a video, so that the same event for many viewers is written down once

_TOLD: Final = frozenset({"sync", "skipped", "delete", "bye", "poll", "expiring"})


class Watching:
    """All viewers."""

    def __init__(
        self,
        *,
        url: str,
        folder: str,
        seed: int,
        followers: int,
        passers: int,
        stay_s: float,
        longest_away_s: float,
        videos: list[str],
        tokens: list[str],
    ) -> None:
        self.url = url
        self.stay_s = stay_s
        self.longest_away_s = longest_away_s
        self.chance = Random(seed)
        self.journal = Journal(Path(folder) / VIEWERS)
        self.counts: Counter[str] = Counter()
        self.staying = asyncio.Event()  # at the end nobody leaves any more
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=SILENCE_S),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self._said: dict[str, dict[str, int]] = {video: {} for video in videos}
        self._places = itertools.count()
        self.lives: dict[str, Viewer] = {}
        self.let_in: set[str] = set()  # followers, and places of passers-by
        self._count = followers + passers
        self._tasks = [asyncio.create_task(self._report())]
        for index in range(followers):
            position = 0 if self.chance.random() < FROM_THE_BEGINNING_SHARE else None
            viewer = Viewer(self, f"f{index}", videos[index % len(videos)], tokens[index], position)
            self._tasks.append(asyncio.create_task(viewer.follow()))
        for index in range(passers):
            token = tokens[followers + index]
            self._tasks.append(asyncio.create_task(self._pass_by(f"p{index}", videos[index % len(videos)], token)))

    async def opened(self, within_s: float) -> int:
        """Wait until every viewer has been let in once, and return how many have."""
        deadline = time.monotonic() + within_s
        while len(self.let_in) < self._count and time.monotonic() < deadline:  # noqa: ASYNC110  many viewers, one look
            await asyncio.sleep(LOOK_INTERVAL_S)
        return len(self.let_in)

    async def settle(self, newest: dict[str, int], within_s: float) -> list[str]:
        """Nobody leaves any more. Returns who has not reached the newest number of its video in time."""
        self.staying.set()
        deadline = time.monotonic() + within_s
        while True:
            late = [one for one in self.lives.values() if (one.position or 0) < newest.get(one.video, 0)]
            if not late or time.monotonic() > deadline:
                return [f"{viewer.name} on {viewer.video}" for viewer in late]
            await asyncio.sleep(LOOK_INTERVAL_S)

    async def stop(self) -> dict[str, int]:
        """End everything; who is still there has followed to the end. Returns what was counted."""
        there = list(self.lives)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for name in there:
            self.journal.write({"to_the_end": name})
        with self.journal:
            pass
        await self.session.close()
        return dict(self.counts)

    def place(self, video: str, event_id: str, data: str) -> int:
        """Return the place of a comment's event in the journal; written down when it is a new one."""
        known = self._said[video]
        place = known.get(data)
        if place is None:
            place = known[data] = next(self._places)
            said = orjson.loads(data)
            if said["commentId"] != event_id:
                report({"trouble": f"an event with the id {event_id} holds the comment {said['commentId']}"})
            item = [int(said["commentId"]), said["userId"], said["message"], said["timestamp"]]
            self.journal.write({"said": place, "video": video, "as": item})
            if len(known) > KEPT_EVENTS:
                for old in list(itertools.islice(known, KEPT_EVENTS // 2)):
                    del known[old]
        return place

    async def _pass_by(self, slot: str, video: str, token: str) -> None:
        for turn in itertools.count():
            position = await self._newest(video, token)
            viewer = Viewer(self, f"{slot}.{turn}", video, token, position)
            await viewer.follow(leaves_after_s=self.chance.uniform(*PASSING_S))

    async def _newest(self, video: str, token: str) -> int | None:
        """Read the newest page, for as long as it takes, and return its newest id."""
        while True:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
                async with self.session.get(
                    f"{self.url}/comments/{video}",
                    params={"limit": "5"},
                    headers={"Authorization": f"Bearer {token}"},
                    timeout=aiohttp.ClientTimeout(total=PAGE_TIMEOUT_S),
                ) as response:
                    if response.status == 200:
                        comments = orjson.loads(await response.read())["comments"]
                        return int(comments[0]["id"]) if comments else 0
            await asyncio.sleep(self.chance.uniform(*RETRY_S))

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(REPORT_INTERVAL_S)
            self.journal.flush()
            connected = sum(viewer.is_connected for viewer in self.lives.values())
            report({"watched": {**self.counts, "connected": connected}})


class Viewer:
    """One viewer. `position` is what a browser would send as `Last-Event-ID`."""

    def __init__(self, watching: Watching, name: str, video: str, token: str, position: int | None) -> None:
        self.name = name
        self.video = video
        self.position = position
        self.is_connected = False
        self.was_let_in = False
        self._watching = watching
        self._token = token
        self._retry_s: float | None = None

    async def follow(self, leaves_after_s: float | None = None) -> None:
        """Follow the video: for ever, or until it leaves for good."""
        watching = self._watching
        watching.lives[self.name] = self
        leaves_at = time.monotonic() + leaves_after_s if leaves_after_s is not None else None
        while True:
            left = await self._connection(leaves_at)
            if left and leaves_at is not None and not watching.staying.is_set():
                del watching.lives[self.name]
                return
            await self._be_away(left=left)

    async def _be_away(self, *, left: bool) -> None:
        """Wait before the next connection: as it likes, or as it was told."""
        watching, chance = self._watching, self._watching.chance
        if left:
            long = chance.random() < LONG_ABSENCE_SHARE
            wait_s = (
                chance.uniform(SHORT_ABSENCE_S[1], watching.longest_away_s)
                if long
                else chance.uniform(*SHORT_ABSENCE_S)
            )
        elif self._retry_s is not None:
            wait_s = min(self._retry_s, LONGEST_RETRY_S)
        else:
            wait_s = chance.uniform(*RETRY_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await watching.staying.wait()

    async def _connection(self, leaves_at: float | None) -> bool:
        """Connect, and read until the stream ends. Returns whether the viewer left of its own will."""
        watching = self._watching
        stay_s = watching.chance.expovariate(1 / watching.stay_s)
        if leaves_at is not None:
            stay_s = min(stay_s, max(0.0, leaves_at - time.monotonic()))
        self._note("connect", video=self.video, position=self.position)
        reason, refused = "the server ended the stream", False
        leaving = asyncio.timeout(None if watching.staying.is_set() else stay_s)
        staying = asyncio.create_task(self._stay(leaving))
        try:
            async with leaving:
                refused = await self._read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            reason = "own will" if leaving.expired() else f"{type(error).__name__}: {error}"
        finally:
            staying.cancel()
            self.is_connected = False
            self._note("closed", reason=reason, refused=refused)
        return leaving.expired()

    async def _stay(self, leaving: asyncio.Timeout) -> None:
        await self._watching.staying.wait()
        with contextlib.suppress(RuntimeError):  # it has left already
            leaving.reschedule(None)

    async def _read(self) -> bool:
        """Read a stream to its end. Returns whether it was refused in a way after which a browser never comes back."""
        watching = self._watching
        headers = {"Accept": "text/event-stream", "Authorization": f"Bearer {self._token}"}
        if self.position is not None:
            headers["Last-Event-ID"] = str(self.position)
        async with watching.session.get(f"{watching.url}/comments/{self.video}/stream", headers=headers) as response:
            if response.status != 200:
                watching.counts[f"status {response.status}"] += 1
                if 400 <= response.status < 500 and response.status != 408:
                    return True
                raise aiohttp.ClientError(f"status {response.status}")
            self._note("opened")
            watching.counts["reconnects"] += self.was_let_in
            self.is_connected = self.was_let_in = True
            watching.let_in.add(self.name.partition(".")[0])
            parser = EventParser()
            while piece := await response.content.readany():
                self._take(parser, piece)
        return False

    def _take(self, parser: EventParser, piece: bytes) -> None:
        at_ns = time.monotonic_ns()
        got: list[int] = []
        for event in parser.feed(piece):
            if event.name == "message":
                got.append(self._watching.place(self.video, event.last_id, event.data))
            elif event.name in _TOLD:
                self._write_got(at_ns, got)
                got = []
                position = int(event.last_id) if event.last_id else None
                data = event.json()
                line = {"told": self.name, "t": at_ns, "event": event.name, "position": position, "data": data}
                self._watching.journal.write(line)
        self._write_got(at_ns, got)
        if parser.last_id:
            self.position = int(parser.last_id)
        if parser.retry_ms is not None:
            self._retry_s = parser.retry_ms / 1000

    def _write_got(self, at_ns: int, got: list[int]) -> None:
        if got:
            self._watching.journal.write({"got": self.name, "t": at_ns, "said": got})
            self._watching.counts["shown"] += len(got)

    def _note(self, kind: str, **line: Any) -> None:
        self._watching.journal.write({kind: self.name, "t": time.monotonic_ns(), **line})


_watching: list[Watching] = []


async def start(*, within_s: float, **watching: Any) -> int:
    """Begin to watch, and return how many have been let in."""
    _watching.append(Watching(**watching))
    return await _watching[0].opened(within_s)


async def settle(newest: dict[str, int], within_s: float) -> list[str]:
    """See `Watching.settle`."""
    return await _watching[0].settle(newest, within_s)


async def stop() -> dict[str, int]:
    """End everything."""
    return await _watching.pop().stop()


if __name__ == "__main__":
    obey({"start": start, "settle": settle, "stop": stop})
