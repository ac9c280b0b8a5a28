"""Viewers that only count: many streams over HTTP/1.1 or HTTP/2, with or without TLS, in one process."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import Final, cast

import h2.config
import h2.connection
import h2.events

STREAMS_A_CONNECTION: Final = 10  # over HTTP/2: windows of one page
MARK: Final = b'"commentId"'  # once in each comment


@dataclass(frozen=True, slots=True)
class Way:
    """One way to an edge: an address, and how it is spoken to. `tls` is None for plain HTTP."""

    port: int
    tls: ssl.SSLContext | None
    h2: bool = False


class Streams:
    """The streams of all viewers of one video, over one way."""

    def __init__(self, way: Way, video: str, token: str, count: int) -> None:
        self._way = way
        self._head = {"authorization": f"Bearer {token}", "host": f"127.0.0.1:{way.port}"}
        self._path = f"/comments/{video}/stream"
        self._count = count
        self._transports: list[asyncio.BaseTransport] = []
        self.synced = 0
        self.comments = 0

    async def open(self, within_s: float) -> None:
        """Open all of them. Raises `TimeoutError` when they do not all say that they are live in time."""
        loop = asyncio.get_running_loop()
        connections = self._count // STREAMS_A_CONNECTION if self._way.h2 else self._count
        for _ in range(connections):
            transport, _protocol = await loop.create_connection(
                (lambda: _Http2(self, self._head, self._path))
                if self._way.h2
                else (lambda: _Http1(self, self._request())),
                "127.0.0.1",
                self._way.port,
                ssl=self._way.tls,
            )
            self._transports.append(transport)
        async with asyncio.timeout(within_s):
            while self.synced < self._count:  # noqa: ASYNC110  many streams, one look
                await asyncio.sleep(0.05)

    def close(self) -> None:
        """End all of them."""
        for transport in self._transports:
            transport.close()

    def take(self, data: bytes) -> None:
        """Count what has come for a stream."""
        self.comments += data.count(MARK)
        if self.synced < self._count:
            self.synced += data.count(b"event: sync")

    def _request(self) -> bytes:
        head = "".join(f"{name}: {value}\r\n" for name, value in self._head.items())
        return f"GET {self._path} HTTP/1.1\r\n{head}\r\n".encode()


class _Http1(asyncio.Protocol):
    def __init__(self, streams: Streams, request: bytes) -> None:
        self._streams, self._request = streams, request

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.WriteTransport", transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        self._streams.take(data)


class _Http2(asyncio.Protocol):
    """A connection with `STREAMS_A_CONNECTION` streams."""

    def __init__(self, streams: Streams, head: dict[str, str], path: str) -> None:
        self._streams = streams
        self._connection = h2.connection.H2Connection(h2.config.H2Configuration())
        self._head = [
            (":method", "GET"),
            (":scheme", "https"),
            (":authority", head["host"]),
            (":path", path),
            ("authorization", head["authorization"]),
        ]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)
        self._connection.initiate_connection()
        for _ in range(STREAMS_A_CONNECTION):
            self._connection.send_headers(self._connection.get_next_available_stream_id(), self._head, end_stream=True)
        self._transport.write(self._connection.data_to_send())

    def data_received(self, data: bytes) -> None:
        for event in self._connection.receive_data(data):
            if isinstance(event, h2.events.DataReceived):
                self._streams.take(event.data)
                self._connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        self._transport.write(self._connection.data_to_send())
