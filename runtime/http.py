"""uvicorn's HTTP protocol, with limits on a request's head: how large it may be, and how long it may take to come.

uvicorn has neither: a client that sends a head byte by byte, or nothing at all, would keep a connection for ever.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from runtime.exchange import SECURITY_FIELDS
from runtime.metrics import CONNECTIONS_REFUSED
from runtime.settings import Settings
from wire.problem import CONTENT_TYPE, DEFAULT_RETRY_AFTER_S, PROBLEMS, problem_body

_SECURITY = b"".join(b"%b: %b\r\n" % field for field in SECURITY_FIELDS)


class HttpConfig(uvicorn.Config):
    """uvicorn's configuration, and the limits; 0 means none."""

    def __init__(self, app: Any, settings: Settings, **options: Any) -> None:
        super().__init__(app, **options)
        self.connections = settings.connections_per_part
        self.head_bytes = settings.head_bytes
        self.head_s = settings.head_s


class HttpProtocol(HttpToolsProtocol):
    """A connection of which each request's head must come whole, in time and within bounds."""

    socket_options: ClassVar[tuple[tuple[int, int, int], ...]] = ()  # of the listening socket; connections inherit them
    config: HttpConfig
    _head_due: asyncio.TimerHandle | None = None
    _head_begun = False
    _head_bytes = 0
    _is_admitted = False
    _refusal = "bad_request"
    _next_is_refused = False  # what came after a request that is still under way

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first head (called by the transport)."""
        super().connection_made(transport)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        """Take what came (called by the transport)."""
        if not self._is_admitted:
            # With the first bytes and not before them: whoever only connects costs little, and is closed in time.
            self._is_admitted = True
            if not self.has_room_for(data):
                self._refuse("unavailable")
                return
        if self._head_due is None and not self._has_request:
            self._wait_for_head()
        super().data_received(data)
        if self._head_begun and not self.transport.is_closing():
            self._head_bytes += len(data)
            if 0 < self.config.head_bytes < self._head_bytes:
                self._refuse("head_too_large")

    def has_room_for(self, data: bytes) -> bool:  # noqa: ARG002  some look at what is asked for
        """Return whether a connection that begins with these bytes is taken."""
        return not 0 < self.config.connections < len(self.connections)

    def on_message_begin(self) -> None:
        """A head begins (called by the parser)."""
        super().on_message_begin()
        self._head_begun = True
        if self._head_due is None:
            self._wait_for_head()

    def on_headers_complete(self) -> None:
        """A head has come whole (called by the parser). Raises `ValueError`, which ends the connection."""
        self._head_has_come()
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if 0 < self.config.head_bytes < size:
            self._refusal = "head_too_large"
            raise ValueError(self._refusal)
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended (called by the transport)."""
        self._head_has_come()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  its words are uvicorn's own
        """Refuse what cannot be parsed, or has been refused while it was."""
        self._refuse(self._refusal)

    @property
    def _has_request(self) -> bool:
        """Whether a request is under way that has not been answered yet."""
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle is not None and not cycle.response_complete

    def _wait_for_head(self) -> None:
        if self.config.head_s:
            self._head_due = self.loop.call_later(self.config.head_s, self._too_slow)

    def _head_has_come(self) -> None:
        self._head_begun = False
        self._head_bytes = 0
        if self._head_due is not None:
            self._head_due.cancel()
            self._head_due = None

    def _too_slow(self) -> None:
        self._head_due = None
        if self._head_begun:
            self._refuse("too_slow")
        else:
            self.transport.close()

    def _refuse(self, code: str) -> None:
        """Answer with a problem, and close the connection."""
        if self.transport.is_closing():
            return
        if self._has_request and not self.cycle.response_started:
            # What would be written now would be taken for the answer to the request that is still under way.
            # That is answered, and then the connection ends.
            self.cycle.keep_alive = False
            self._next_is_refused = True
            return
        CONNECTIONS_REFUSED.labels(code).inc()
        status, body = PROBLEMS[code][0], problem_body(code)
        retry_after_s = DEFAULT_RETRY_AFTER_S.get(status)
        retry_after = b"" if retry_after_s is None else b"retry-after: %d\r\n" % retry_after_s
        if not self._has_request:
            self.transport.write(
                b"HTTP/1.1 %d \r\ncontent-type: %b\r\ncontent-length: %d\r\ncache-control: no-store\r\n%b%b"
                b"connection: close\r\n\r\n%b"
                % (status, CONTENT_TYPE.encode(), len(body), retry_after, _SECURITY, body)
            )
        self.transport.close()
