"""A TCP proxy that can be told to break: to cut its connections, to refuse new ones, or to say nothing any more.

Whoever connects is the dialer, whoever it connects to is the server. A silence may be for one direction only: then a
server may do what it is asked, and the dialer never learns of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from enum import Enum
from typing import Final, cast

HELD_BYTES: Final = 8 * 1024 * 1024  # of one connection and direction during a silence; then it is read no further
CONNECT_TIMEOUT_S: Final = 5.0
BACKLOG: Final = 1024
LISTEN_AGAIN_S: Final = 0.05
LISTEN_TRIES: Final = 200

_RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER with no time: closing resets the connection


class Silent(Enum):
    """Which way nothing gets through."""

    THERE = "there"  # from the dialer to the server
    BACK = "back"
    BOTH = "both"


class Proxy:
    """Listens on a port and passes everything on to a server, until it is told otherwise."""

    def __init__(self, target: tuple[str, int], port: int = 0, host: str = "127.0.0.1") -> None:
        self.target = target
        self.host = host
        self.port = port
        self.silent: Silent | None = None
        self.accepted = 0  # connections ever
        self.noticed_s: float | None = None  # when the last connection that had gone silent was given up by its dialer
        self._silent_since = 0.0
        self._connections: dict[Connection, bool] = {}  # each with whether it went silent under its dialer
        self._server: asyncio.Server | None = None
        self._loop = asyncio.get_running_loop()

    async def start(self) -> None:
        """Begin to listen. Raises `OSError` when the port is taken."""
        self._server = await self._loop.create_server(
            lambda: Connection(self).dialer, self.host, self.port, backlog=BACKLOG, reuse_address=True
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """End everything."""
        self._close_listener()
        self.cut()

    @property
    def connections(self) -> int:
        """Return how many connections there are now."""
        return len(self._connections)

    def cut(self) -> None:
        """Reset all connections."""
        for connection in list(self._connections):
            connection.reset()

    def refuse(self) -> None:
        """Reset all connections, and refuse new ones until `heal`."""
        self.noticed_s = None
        self._close_listener()
        self.cut()

    def silence(self, silent: Silent) -> None:
        """Let nothing through any more until `heal`; connections stay open, and new ones are accepted."""
        self.silent = silent
        self.noticed_s = None
        self._silent_since = self._loop.time()
        for connection in self._connections:
            self._connections[connection] = True

    async def heal(self) -> None:
        """Be as before. What was held is passed on, as a network would that lost nothing. Raises `OSError`."""
        self.silent = None
        for connection in list(self._connections):
            self._connections[connection] = False
            connection.flow()
        for _ in range(LISTEN_TRIES):
            if self._server is not None:
                return
            with contextlib.suppress(OSError):
                await self.start()
                return
            await asyncio.sleep(LISTEN_AGAIN_S)
        await self.start()

    def opened(self, connection: Connection) -> None:
        """Hear of a new connection."""
        self.accepted += 1
        self._connections[connection] = False

    def given_up(self, connection: Connection) -> None:
        """Hear that the dialer has closed a connection."""
        if self.silent is None or not self._connections.get(connection):
            return
        self._connections[connection] = False
        if not any(self._connections.values()):
            self.noticed_s = self._loop.time() - self._silent_since

    def ended(self, connection: Connection) -> None:
        """Hear that nothing is left of a connection."""
        self._connections.pop(connection, None)

    def _close_listener(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None


class Connection:
    """A connection through the proxy: a side towards the dialer, and one towards the server."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.dialer = Side(self, Silent.THERE)
        self.server = Side(self, Silent.BACK)
        self.dialer.other, self.server.other = self.server, self.dialer
        self._connecting: asyncio.Task[None] | None = None

    def is_silent(self, way: Silent) -> bool:
        """Return whether what comes in on a side is held."""
        return self.proxy.silent in (way, Silent.BOTH)

    def came_in(self) -> None:
        """The dialer is there."""
        self.proxy.opened(self)
        if self.proxy.silent is None:
            self._connect()

    def flow(self) -> None:
        """Pass on what was held, and make up for what was not done meanwhile."""
        if self.dialer.is_gone:
            self.reset()
        elif self.server.transport is None:
            self._connect()
        else:
            self.dialer.flow()
            self.server.flow()

    def side_gone(self, side: Side) -> None:
        """One side has been closed by its peer."""
        if side is self.dialer:
            self.proxy.given_up(self)
        if side.other.is_gone or (side.other.transport is None and self._connecting is None):
            self.proxy.ended(self)
        elif not self.is_silent(side.way):
            side.other.close()

    def reset(self) -> None:
        """End both sides at once, so that their peers see a reset."""
        if self._connecting is not None:
            self._connecting.cancel()
            self._connecting = None
        self.dialer.reset()
        self.server.reset()
        self.proxy.ended(self)

    def _connect(self) -> None:
        if self._connecting is None:
            self._connecting = asyncio.get_running_loop().create_task(self._open())

    async def _open(self) -> None:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await asyncio.get_running_loop().create_connection(lambda: self.server, *self.proxy.target)
        except OSError:  # a TimeoutError is one
            self._connecting = None
            self.reset()
            return
        self._connecting = None
        if self.dialer.is_gone:
            self.reset()
        elif not self.is_silent(Silent.THERE):
            self.dialer.flow()


class Side(asyncio.Protocol):
    """One end of a connection. `way` is the direction of what comes in here."""

    def __init__(self, connection: Connection, way: Silent) -> None:
        self.way = way
        self.other: Side = self
        self.transport: asyncio.Transport | None = None
        self.is_gone = False
        self._connection = connection
        self._held = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, once the connection stands."""
        self.transport = cast("asyncio.Transport", transport)
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.way is Silent.THERE:
            self._connection.came_in()

    def data_received(self, data: bytes) -> None:
        """Pass on what comes in, or hold it."""
        other = self.other.transport
        if other is None or self._held or self._connection.is_silent(self.way):
            self._held += data
            if len(self._held) > HELD_BYTES and self.transport is not None:
                self.transport.pause_reading()
        elif not other.is_closing():
            other.write(data)

    def flow(self) -> None:
        """Pass on what was held."""
        other = self.other.transport
        if self._held and other is not None:
            if not other.is_closing():
                other.write(bytes(self._held))
            self._held.clear()
        if self.transport is not None and not self.is_gone:
            self.transport.resume_reading()
        elif self.is_gone:
            self.other.close()

    def pause_writing(self) -> None:
        """Read no further on the other side: this one is full."""
        if self.other.transport is not None and not self.other.is_gone:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        """Read on: this side has drained."""
        if self.other.transport is not None and not self.other.is_gone:
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """End the other side too, unless that is not to be noticed."""
        if not self.is_gone:
            self.is_gone = True
            self._connection.side_gone(self)

    def close(self) -> None:
        """Close this end after what has been written."""
        if self.transport is not None and not self.is_gone:
            self.transport.close()

    def reset(self) -> None:
        """Close this end at once; its peer sees a reset."""
        if self.transport is None or self.is_gone:
            return
        self.is_gone = True
        raw = self.transport.get_extra_info("socket")
        if raw is not None:
            with contextlib.suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.transport.abort()
