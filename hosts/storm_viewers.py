"""Viewers that come back all at once, in a process of their own: `python -m hosts.storm_viewers`.

Each counts the comments of its replay, holds the count against what `sync` says, and stays on until it is told to go.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from dataclasses import dataclass, field
from typing import Any, Final, cast
from urllib.parse import urlsplit

from faults.worker import Report, obey, report

MARK: Final = b'"commentId"'  # once in each comment
SYNC: Final = re.compile(rb'event: sync\ndata: \{"resumed":(true|false),"replayed":(\d+),"complete":(true|false)')
LONGEST_SYNC: Final = 200  # bytes of such an event that may come in two pieces
CONNECTING_AT_ONCE: Final = 200
REPORT_S: Final = 0.25


@dataclass(slots=True)
class Returning:
    """How far they all are."""

    began: float = 0.0
    wanted: int = 0
    behind: int = 0
    served_s: list[float] = field(default_factory=list)  # when each had its `sync`, after the beginning
    comments: int = 0
    short: int = 0  # viewers that got fewer than they were behind, or were told that something is missing
    miscounted: int = 0  # … other than `sync` said
    closed: int = 0  # streams that ended before it
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def said(self) -> Report:
        """Return what there is to be said of it now."""
        return {"served": len(self.served_s), "comments": self.comments, "closed": self.closed}


class _Viewer(asyncio.Protocol):
    """One of them. What comes after `sync` is read and thrown away."""

    def __init__(self, all_of_them: Returning, request: bytes) -> None:
        self._all, self._request = all_of_them, request
        self._comments = 0
        self._tail = b""
        self._served = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self._served:
            return
        window = self._tail + data
        found = SYNC.search(window)
        end = len(window) if found is None else found.start()
        counted = window.count(MARK, 0, end) - self._tail.count(MARK)
        self._comments += counted
        self._all.comments += counted
        self._tail = window[-LONGEST_SYNC:]
        if found is not None:
            self._end(int(found[2]), complete=found[3] == b"true")

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        if not self._served:
            self._all.closed += 1
            self._look()

    def _end(self, replayed: int, *, complete: bool) -> None:
        everyone = self._all
        self._served, self._tail = True, b""
        everyone.served_s.append(time.monotonic() - everyone.began)
        everyone.short += not complete or replayed < everyone.behind
        everyone.miscounted += replayed != self._comments
        self._look()

    def _look(self) -> None:
        if len(self._all.served_s) + self._all.closed >= self._all.wanted:
            self._all.done.set()


class Storm:
    """The orders."""

    def __init__(self) -> None:
        self._transports: list[asyncio.BaseTransport] = []

    async def come_back(
        self,
        *,
        urls: list[str],
        positions: dict[str, str],
        tokens: list[str],
        viewers: int,
        behind: int,
        within_s: float,
    ) -> dict[str, Any]:
        """Open `viewers` streams, spread over the gateways and the videos, each from its video's position on."""
        everyone = Returning(time.monotonic(), viewers, behind)
        videos = list(positions)
        gate = asyncio.Semaphore(CONNECTING_AT_ONCE)

        async def come(index: int) -> None:
            video = videos[index % len(videos)]
            address = urlsplit(urls[index % len(urls)])
            request = (
                f"GET /comments/{video}/stream HTTP/1.1\r\nHost: {address.netloc}\r\n"
                f"Authorization: Bearer {tokens[index % len(tokens)]}\r\nLast-Event-ID: {positions[video]}\r\n\r\n"
            ).encode()
            async with gate:
                try:
                    transport, _ = await asyncio.get_running_loop().create_connection(
                        lambda: _Viewer(everyone, request), str(address.hostname), int(address.port or 80)
                    )
                except OSError:
                    everyone.closed += 1
                else:
                    self._transports.append(transport)

        telling = asyncio.create_task(_tell(everyone))
        try:
            await asyncio.gather(*(come(index) for index in range(viewers)))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(everyone.done.wait(), within_s)
        finally:
            telling.cancel()
        report({"storm": everyone.said()})
        return {
            "served_s": sorted(everyone.served_s),
            "comments": everyone.comments,
            "short": everyone.short,
            "miscounted": everyone.miscounted,
            "closed": everyone.closed,
        }

    async def leave(self) -> None:
        """Let all of them go."""
        for transport in self._transports:
            cast("asyncio.Transport", transport).abort()
        self._transports.clear()


async def _tell(everyone: Returning) -> None:
    while True:
        report({"storm": everyone.said()})
        await asyncio.sleep(REPORT_S)


if __name__ == "__main__":
    storm = Storm()
    obey({"come_back": storm.come_back, "leave": storm.leave})
