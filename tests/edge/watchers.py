"""Thousands of viewers in the test's own process, who come back where they were, as browsers do."""

from __future__ import annotations

import asyncio
import itertools
import re
import resource
import time
from collections.abc import Sequence

from tests.edge.raw import request

FILES = 16_000
AT_ONCE = 200  # handshakes on their way when a crowd is opened
ASK_AGAIN_S = 0.25  # after a connection that did not come about

_EVENT = re.compile(rb"(?:id: (\d+)\n)?(event: \w+\n)?data: ")
_RETRY = re.compile(rb"retry: (\d+)")


class Watcher(asyncio.Protocol):
    """One viewer: the numbers that it was shown, how often its stream ended, and when the last comment came."""

    def __init__(self, video: str, token: str, ports: Sequence[int]) -> None:
        self.numbers: list[int] = []
        self.ended = 0
        self.is_live = False
        self.came_at: dict[int, float] = {}
        self.incomplete = 0
        self._video = video
        self._token = token
        self._ports = itertools.cycle(ports)
        self._loop = asyncio.get_running_loop()
        self._last_id = b""
        self._retry_s = 1.0
        self._rest = b""
        self._transport: asyncio.Transport | None = None
        self._closed = False
        self._coming_back: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """Open the stream; try the next port, again and again, while there is nobody."""
        while not self._closed:
            try:
                await self._loop.create_connection(lambda: self, "127.0.0.1", next(self._ports))
            except OSError:
                await asyncio.sleep(ASK_AGAIN_S)
            else:
                return

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._rest = transport, b""
        position = f"Last-Event-ID: {self._last_id.decode()}\r\n" if self._last_id else ""
        transport.write(request(self._video, self._token, extra=position))

    def data_received(self, data: bytes) -> None:
        *whole, self._rest = (self._rest + data).split(b"\n\n")
        for event in whole:
            if retry := _RETRY.search(event):
                self._retry_s = int(retry[1]) / 1000
            if found := _EVENT.search(event):
                number, name = found.groups()
                self._last_id = number or self._last_id
                if name == b"event: sync\n":
                    self.is_live = True
                    self.incomplete += b'"complete":true' not in event
                elif name is None:
                    self.numbers.append(int(number))
                    self.came_at[int(number)] = time.monotonic()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_live = False
        self.ended += 1
        if not self._closed:
            self._coming_back = self._loop.create_task(self._come_back())

    def close(self) -> None:
        """Go away for good."""
        self._closed = True
        if self._transport is not None:
            self._transport.abort()
        if self._coming_back is not None:
            self._coming_back.cancel()

    async def _come_back(self) -> None:
        await asyncio.sleep(self._retry_s)
        await self.connect()


async def open_watchers(count: int, video: str, token: str, ports: Sequence[int]) -> list[Watcher]:
    """Open so many viewers at the first of some ports; those whose stream ends come back to them in turn."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, most), most))
    watchers = [Watcher(video, token, ports) for _ in range(count)]
    for place in range(0, count, AT_ONCE):
        await asyncio.gather(*(watcher.connect() for watcher in watchers[place : place + AT_ONCE]))
    return watchers
