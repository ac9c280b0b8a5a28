"""The process that reads the whole history back at the end, page by page, in both directions."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any, Final

import aiohttp
import orjson

from faults.journal import HISTORY, Journal
from faults.ledger import ASCENDING, DESCENDING
from faults.worker import obey, report

AT_ONCE: Final = 8
PAGE: Final = 100
PAGE_TIMEOUT_S: Final = 15.0
AGAIN_S: Final = 0.3


class HistoryAwayError(Exception):
    """A page could not be had in time."""


class Historian:
    """Reads pages, and asks again until it is given them."""

    def __init__(self, url: str, token: str, deadline: float) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}
        self._deadline = deadline
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=PAGE_TIMEOUT_S), cookie_jar=aiohttp.DummyCookieJar()
        )

    async def close(self) -> None:
        """End it."""
        await self._session.close()

    async def page(self, video: str, **query: str) -> tuple[list[list[Any]], str | None]:
        """Return a page's comments, as they stand in the journal, and its next cursor. Raises `HistoryAwayError`."""
        why = "no answer"
        while time.monotonic() < self._deadline:
            try:
                async with self._session.get(
                    f"{self._url}/comments/{video}", params=query, headers=self._headers
                ) as response:
                    body = await response.read()
                    if response.status == 200:
                        document = orjson.loads(body)
                        said = [
                            [int(one["id"]), one.get("userId", ""), one.get("message", ""), one["timestamp"]]
                            for one in document["comments"]
                        ]
                        return said, document["nextCursor"]
                    why = f"status {response.status}"
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                why = f"{type(error).__name__}: {error}"
            await asyncio.sleep(AGAIN_S)
        raise HistoryAwayError(f"{video}: {why}")

    async def newest(self, video: str) -> int:
        """Return the newest number that history has of a video; 0 for none."""
        said, _ = await self.page(video, limit="1")
        return int(said[0][0]) if said else 0


async def catch_up(url: str, token: str, newest: dict[str, int], within_s: float) -> dict[str, int]:
    """Wait until history holds these numbers. Returns those of the videos of which it does not in time."""
    historian = Historian(url, token, time.monotonic() + within_s)
    behind = dict(newest)
    try:
        while behind and time.monotonic() < historian._deadline:  # noqa: SLF001
            for video, number in list(behind.items()):
                if await historian.newest(video) >= number:
                    del behind[video]
            if behind:
                await asyncio.sleep(AGAIN_S)
    except HistoryAwayError as error:
        report({"trouble": f"history: {error}"})
    finally:
        await historian.close()
    return behind


async def read(url: str, token: str, folder: str, videos: list[str], within_s: float) -> dict[str, int]:
    """Read everything, both ways, into the journal. Returns the newest number of each video."""
    historian = Historian(url, token, time.monotonic() + within_s)
    newest: dict[str, int] = {}
    turn = asyncio.Semaphore(AT_ONCE)
    done = 0

    async def read_one(video: str, sort: str) -> None:
        nonlocal done
        async with turn:
            cursor: str | None = None
            passed: set[int] = set()
            while True:
                query = {"sort": sort, "limit": str(PAGE)} | ({"cursor": cursor} if cursor is not None else {})
                said, cursor = await historian.page(video, **query)
                journal.write({"reading": video, "sort": sort, "said": said})
                if said:
                    newest[video] = max(newest.get(video, 0), int(said[0][0]), int(said[-1][0]))
                if cursor is None:
                    break
                if not said or int(cursor) in passed:
                    report({"trouble": f"{video}: the pages ({sort}) go round in circles at {cursor}"})
                    break
                passed.add(int(cursor))
            done += 1
            report({"read": done / (2 * len(videos))})

    try:
        with Journal(Path(folder) / HISTORY) as journal:
            await asyncio.gather(*(read_one(video, sort) for sort in (ASCENDING, DESCENDING) for video in videos))
    except HistoryAwayError as error:
        report({"trouble": f"history could not be read: {error}"})
    finally:
        await historian.close()
    return newest


if __name__ == "__main__":
    obey({"catch_up": catch_up, "read": read})
