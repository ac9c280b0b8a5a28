"""Who posts and watches while a storm goes on, in a process of their own: `python -m hosts.storm_live`.

Each comment says when its POST was sent; each viewer takes down how long that was ago when it came.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any, Final, cast
from urllib.parse import urlsplit

import aiohttp
import orjson

from faults.worker import obey

POSTS_AT_ONCE: Final = 512
POST_TIMEOUT_S: Final = 15.0
LET_IN_WITHIN_S: Final = 60.0
TEXT: Final = "live "
NS_TO_MS: Final = 1e-6


class _Viewer(asyncio.Protocol):
    def __init__(self, live: Live, request: bytes) -> None:
        self._live, self._request = live, request
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        *events, self._rest = (self._rest + data).split(b"\n\n")
        for event in events:
            if b"event: sync" in event:
                self._live.joined += 1
            elif b'"commentId"' in event:
                said = orjson.loads(event.partition(b"data: ")[2])["message"]
                if said.startswith(TEXT):
                    self._live.seen((now - int(said[len(TEXT) :])) * NS_TO_MS)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._live.closed += 1


class Live:
    """The orders: begin and end once, and mark in between."""

    def __init__(self) -> None:
        self.joined = 0
        self.closed = 0
        self._latencies_ms: list[float] = []
        self._seen = 0
        self._owed = 0
        self._unanswered = 0  # accepted or not: unknown, so nothing can be said of what is owed
        self._answers: Counter[str] = Counter()
        self._transports: list[asyncio.BaseTransport] = []
        self._posting: asyncio.Task[None] | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    def seen(self, latency_ms: float) -> None:
        """Take down that a comment came to a viewer."""
        self._latencies_ms.append(latency_ms)
        self._seen += 1

    async def begin(self, *, urls: list[str], videos: list[str], tokens: list[str], viewers: int, rate: float) -> None:
        """Open `viewers` streams of each video, and post `rate` comments a second on all videos together."""
        loop = asyncio.get_running_loop()
        for video in videos:
            for index in range(viewers):
                address = urlsplit(urls[index % len(urls)])
                request = (
                    f"GET /comments/{video}/stream HTTP/1.1\r\nHost: {address.netloc}\r\n"
                    f"Authorization: Bearer {tokens[index % len(tokens)]}\r\n\r\n"
                ).encode()
                transport, _ = await loop.create_connection(
                    lambda request=request: _Viewer(self, request), str(address.hostname), int(address.port or 80)
                )
                self._transports.append(transport)
        async with asyncio.timeout(LET_IN_WITHIN_S):
            while self.joined < len(videos) * viewers:  # noqa: ASYNC110  many streams, one look
                await asyncio.sleep(0.05)
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=POST_TIMEOUT_S), connector=aiohttp.TCPConnector(limit=POSTS_AT_ONCE)
        )
        self._posting = asyncio.create_task(self._post_all(urls, videos, tokens, viewers, rate))

    async def mark(self) -> dict[str, Any]:
        """Return what was seen since the last mark: latencies from POST to viewer, and how POSTs were answered."""
        taken, self._latencies_ms = self._latencies_ms, []
        answers, self._answers = self._answers, Counter()
        return {"latencies_ms": taken, "answers": dict(answers)}

    async def end(self, *, settle_s: float) -> dict[str, int]:
        """Post no more, wait for the last ones, and return how many comments were owed and how many came."""
        assert self._posting is not None
        assert self._session is not None
        self._posting.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        give_up = time.monotonic() + settle_s
        while self._seen < self._owed and time.monotonic() < give_up:  # noqa: ASYNC110  many streams, one look
            await asyncio.sleep(0.05)
        told = {"owed": self._owed, "seen": self._seen, "unanswered": self._unanswered, "closed": self.closed}
        for transport in self._transports:
            cast("asyncio.Transport", transport).abort()
        await self._session.close()
        return told

    async def _post_all(self, urls: list[str], videos: list[str], tokens: list[str], viewers: int, rate: float) -> None:
        loop = asyncio.get_running_loop()
        start, number = loop.time(), 0
        while True:
            await asyncio.sleep(max(0.0, start + number / rate - loop.time()))
            url = f"{urls[number % len(urls)]}/comments/{videos[number % len(videos)]}"
            task = loop.create_task(self._post(url, tokens[number % len(tokens)], viewers))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
            number += 1

    async def _post(self, url: str, token: str, viewers: int) -> None:
        assert self._session is not None
        head = {"Authorization": f"Bearer {token}"}
        body = {"message": f"{TEXT}{time.monotonic_ns()}"}
        try:
            async with self._session.post(url, json=body, headers=head) as response:
                await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError):
            self._unanswered += 1
            return
        self._answers[str(response.status)] += 1
        if response.status in (201, 202):
            self._owed += viewers


if __name__ == "__main__":
    live = Live()
    obey({"begin": live.begin, "mark": live.mark, "end": live.end})
