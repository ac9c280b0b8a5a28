"""A viewer's connection, taken over from the HTTP server.

Quart does the handshake; then the connection leaves the request machinery, as uvicorn does it for WebSockets:
`transport.set_protocol()` with a slim protocol that is the viewer itself. No task, no request and no queue stay behind,
and a comment goes from the channel straight to the transport.

The server offers this as an ASGI extension. A server that does not offer it gets `streamed.py`.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

from uvicorn.protocols.http.flow_control import FlowControl

from edge import packing
from edge.viewer import HIGH_WATER_BYTES, LOW_WATER_BYTES, SEND_BUFFER_BYTES, Viewer
from runtime.exchange import SECURITY_FIELDS, Field
from runtime.http import HttpProtocol
from runtime.tokens import Identity

EXTENSION: Final = "livecomments.handover"

# The end of the stream is the end of the connection (RFC 9112, section 6.3), so that every frame is written as it is.
HEAD: Final = (
    b"HTTP/1.1 200 OK\r\n"
    b"content-type: text/event-stream\r\n"
    b"cache-control: no-store\r\n"
    b"x-accel-buffering: no\r\n"
    b"connection: close\r\n" + b"".join(b"%b: %b\r\n" % field for field in SECURITY_FIELDS)
)

# A viewer that vanished without a word acknowledges no heartbeat; by itself the kernel would wait a quarter of an hour.
UNACKNOWLEDGED_MS: Final = 45_000

# Of the listening socket: each connection has them from it. Setting them on a viewer's own would cost it an object.
SOCKET_OPTIONS: Final = (
    (socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES),
    *(
        ((socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS),)
        if hasattr(socket, "TCP_USER_TIMEOUT")
        else ()
    ),
)

_ASKS_FOR_A_STREAM: Final = re.compile(rb"GET /comments/[^/ ]+/stream[ ?]")

HandOver = Callable[["HandedOverViewer", Sequence[Field]], bool]


class HandedOverViewer(Viewer, asyncio.Protocol):
    """A viewer whose connection has no HTTP server left: bytes written go to its socket as they are."""

    __slots__ = ("_loop", "_transport")

    def __init__(self, identity: Identity | None, address: str) -> None:
        super().__init__(identity, address)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None

    head = HEAD  # what is answered, but for the fields of this request
    opening = b""  # what the body begins with

    def take_over(self, transport: asyncio.Transport, fields: Sequence[Field]) -> None:
        """Make the transport this viewer's own, and answer its request with these header fields besides `head`."""
        self._transport = transport
        transport.set_write_buffer_limits(high=HIGH_WATER_BYTES, low=LOW_WATER_BYTES)
        transport.set_protocol(self)
        transport.write(self.head + b"".join(b"%b: %b\r\n" % field for field in fields) + b"\r\n" + self.opening)

    def send(self, data: bytes) -> None:
        """Write bytes to the viewer's socket."""
        if self._transport is not None:
            self._transport.write(data)

    def end(self) -> None:
        """Close the connection after what has been written."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:  # noqa: ARG002
        """End the stream: its request is over, so a viewer that says more does not speak HTTP as we do."""
        self.abort()

    def pause_writing(self) -> None:
        """The socket is full (called by the transport)."""
        self.paused(self._loop.time())

    def resume_writing(self) -> None:
        """The socket has drained (called by the transport)."""
        self.resumed()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The connection has ended (called by the transport)."""
        self._transport = None
        self.gone()


class PackedViewer(HandedOverViewer):
    """A viewer that accepts gzip: what all viewers share is written to it compressed, once for all of them."""

    __slots__ = ()

    head = HEAD + b"content-encoding: gzip\r\nvary: accept-encoding\r\n"
    opening = packing.STREAM_HEAD
    takes_packed = True

    def send(self, data: bytes) -> None:
        """Write bytes that are this viewer's alone."""
        if data:
            super().send(packing.stored(data))

    def send_packed(self, blocks: bytes) -> None:
        """Write blocks that are shared."""
        super().send(blocks)


class _WithoutSocket:
    """A transport that does not give its socket away, so that uvicorn asks it for the addresses alone.

    uvloop keeps what stands for the socket, with both addresses, for as long as the connection: 400 bytes a viewer.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default if name == "socket" else self._transport.get_extra_info(name, default)


class HandoverProtocol(HttpProtocol):
    """The HTTP protocol, which lets the application take a connection over."""

    socket_options = SOCKET_OPTIONS
    _is_for_a_stream = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin (called by the transport)."""
        super().connection_made(cast("asyncio.Transport", _WithoutSocket(transport)))
        self.transport = transport
        self.flow = FlowControl(transport)

    def has_room_for(self, data: bytes) -> bool:
        """Return whether a connection is taken: one for a stream always is.

        Thousands may come back at once, and a 503 would stop a browser's EventSource for good. Streams have limits of
        their own, and whoever finds no place is told to come back (`admission.py`).
        """
        self._is_for_a_stream = _ASKS_FOR_A_STREAM.match(data) is not None
        return self._is_for_a_stream or super().has_room_for(data)

    def _too_slow(self) -> None:
        """Close a connection that asks for a stream too slowly without a word: browsers come again then.

        A 408 would end an EventSource for good, and on a bad line a head may well come in parts.
        """
        if self._is_for_a_stream and self._head_begun:
            self.transport.close()
        else:
            super()._too_slow()

    def on_message_begin(self) -> None:
        """Offer the extension with every request."""
        super().on_message_begin()
        scope = cast("dict[str, Any]", self.scope)
        scope["extensions"] = {EXTENSION: self._hand_over}

    def _hand_over(self, viewer: HandedOverViewer, fields: Sequence[Field]) -> bool:
        """Give the connection to `viewer`; False when there is none left to give."""
        if self.transport.is_closing():
            return False
        if self.pipeline or self._head_begun or self._next_is_refused:
            # A request sent after one for a stream can never be answered, nor one that is just coming in.
            self.transport.abort()
            return False
        # For uvicorn the request is over as if the client had gone: whatever the application still sends is dropped.
        self.cycle.disconnected = True
        self.cycle.message_event.set()
        self.connections.discard(self)
        self._unset_keepalive_if_required()
        self.flow.resume_reading()
        viewer.take_over(self.transport, fields)
        # Nobody asks for these any more. They refer to each other in circles, so that without this they would stay
        # until the collector comes to them: 200 bytes a viewer.
        self._head_has_come()
        del self.parser, self.cycle, self.scope, self.flow
        return True
