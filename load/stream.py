"""One connection of a watcher: a request, and then its event stream for as long as that lasts."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from typing import Final
from urllib.parse import urlsplit

from livecomments.backoff import retry_after_s
from wire.sse import Event, EventParser

SILENCE_S: Final = 45  # three heartbeats
PIECE_BYTES: Final = 64 * 1024


class NotNowError(Exception):
    """The server refuses a watcher, and may say for how long."""

    def __init__(self, status: int, retry_after_s: float | None) -> None:
        super().__init__(f"refused with {status}")
        self.status = status
        self.retry_after_s = retry_after_s


class Connection:
    """A connection for one request, which may be lost on purpose."""

    def __init__(self, host: str) -> None:
        address = urlsplit(host)
        kind = HTTPSConnection if address.scheme == "https" else HTTPConnection
        self._connection = kind(address.hostname or "", address.port, timeout=SILENCE_S)
        self._response: HTTPResponse | None = None
        self._socket: socket.socket | None = None  # http.client forgets it when an answer says "connection: close"

    def get(self, path: str, headers: dict[str, str]) -> HTTPResponse:
        """Ask for something. Raises `NotNowError` unless it is given, and `OSError`, `HTTPException`."""
        self._connection.connect()
        self._socket = self._connection.sock
        self._connection.request("GET", path, headers=headers)
        self._response = response = self._connection.getresponse()
        if response.status != 200:
            raise NotNowError(response.status, retry_after_s(response.headers.get("Retry-After")))
        return response

    def events(self, path: str, headers: dict[str, str], parser: EventParser) -> Iterator[Event]:
        """Yield the events of a stream until it ends. Raises as `get` does, and `ValueError` as the parser does."""
        response = self.get(path, {**headers, "Accept": "text/event-stream"})
        while piece := response.read1(PIECE_BYTES):
            yield from parser.feed(piece)

    def lose(self) -> None:
        """Lose the connection, as a network would: whoever reads from it finds it ended."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close it."""
        if self._response is not None:
            self._response.close()
        self._connection.close()
