"""A client's side of a stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import aiohttp

from wire.sse import Event, EventParser

WITHIN_S = 30.0


class Stream:
    """Reads a stream in the background, and keeps what came: `events`, `retries`, and whether it has `ended`."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        video: str,
        position: int | str | None = None,
        *,
        query: int | str | None = None,
        token: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.url = f"{url}/comments/{video}/stream"
        self.events: list[Event] = []
        self.pieces: list[bytes] = []
        self.ended = False
        self.failure: Exception | None = None
        self._session = session
        self._headers = dict(headers or {})
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        if position is not None:
            self._headers["Last-Event-ID"] = str(position)
        self._query = {} if query is None else {"lastEventId": str(query)}
        self._parser = EventParser()
        self._news = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None
        self.response: aiohttp.ClientResponse | None = None

    async def __aenter__(self) -> Self:
        self.response = await self._session.get(self.url, headers=self._headers, params=self._query)
        if self.response.status == 200:
            self._reading = asyncio.create_task(self._read(self.response))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
        if self._reading is not None:
            await asyncio.wait({self._reading})

    def close(self) -> None:
        """Go away."""
        if self._reading is not None:
            self._reading.cancel()
        if self.response is not None:
            self.response.close()

    @property
    def status(self) -> int:
        assert self.response is not None
        return self.response.status

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The comments that came."""
        return [event.json() for event in self.events if event.name == "message"]

    @property
    def numbers(self) -> list[int]:
        """Their numbers."""
        return [int(message["commentId"]) for message in self.messages]

    @property
    def last_id(self) -> str:
        """The last event id, as a browser would send it back."""
        return self._parser.last_id

    @property
    def retry_ms(self) -> int | None:
        return self._parser.retry_ms

    def told(self, name: str) -> list[dict[str, Any]]:
        """The data of all events of a name."""
        return [event.json() for event in self.events if event.name == name]

    async def until(self, condition: Callable[[], Any], within_s: float = WITHIN_S) -> None:
        """Wait until a condition holds of what came; fails when it does not in time."""
        try:
            async with asyncio.timeout(within_s):
                while not condition():
                    assert not self.ended, f"the stream ended after {self._told()}"
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"not within {within_s} s; there were {self._told()}") from None

    async def synced(self, within_s: float = WITHIN_S) -> dict[str, Any]:
        """Wait until the stream is live, and return what it said then."""
        assert self.status == 200
        await self.until(lambda: self.told("sync"), within_s)
        return self.told("sync")[-1]

    async def has(self, number: int, within_s: float = WITHIN_S) -> None:
        """Wait until a comment has come."""
        await self.until(lambda: number in self.numbers[-200:], within_s)

    async def end(self, within_s: float = WITHIN_S) -> None:
        """Wait until the stream has ended."""
        try:
            async with asyncio.timeout(within_s):
                while not self.ended:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"the stream did not end within {within_s} s") from None

    async def _read(self, response: aiohttp.ClientResponse) -> None:
        try:
            async for piece in response.content.iter_any():
                self.pieces.append(piece)
                self.events += self._parser.feed(piece)
                self._news.set()
        except (aiohttp.ClientError, OSError) as error:
            self.failure = error
        finally:
            self.ended = True
            self._news.set()

    def _told(self) -> str:
        names = [event.name for event in self.events]
        return f"{len(names)} events, the last ones {names[-5:]}"
