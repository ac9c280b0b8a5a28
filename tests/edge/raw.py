"""Connections that do what no decent client does."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from typing import Self

from tests.edge.edge_process import EdgeProcess
from wire.sse import Event, EventParser

HEAD_END = b"\r\n\r\n"
RECEIVE_BYTES = 32 * 1024  # what the kernel may hold for a client that does not read
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: the end of the connection is a reset


def request(video: str, token: str | None, *, method: str = "GET", version: str = "1.1", extra: str = "") -> bytes:
    """Return the bytes of a request for a stream."""
    authorization = f"Authorization: Bearer {token}\r\n" if token is not None else ""
    return f"{method} /comments/{video}/stream HTTP/{version}\r\nHost: edge\r\n{authorization}{extra}\r\n".encode()


class Raw:
    """A connection, byte by byte."""

    def __init__(self, edge: EdgeProcess, raw: socket.socket) -> None:
        self._edge = edge
        self.raw = raw
        self.got = b""
        self.ended = False

    @classmethod
    async def open(cls, edge: EdgeProcess, data: bytes = b"") -> Self:
        raw = socket.socket()
        raw.setblocking(False)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", edge.port))
        connection = cls(edge, raw)
        await connection.say(data)
        return connection

    async def say(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.raw, data)

    async def read(self, within_s: float = 30) -> bytes:
        """Return what comes next, b'' at the end of the connection."""
        async with asyncio.timeout(within_s):
            try:
                piece = await asyncio.get_running_loop().sock_recv(self.raw, 1 << 20)
            except ConnectionError:
                piece = b""
        self.ended = not piece
        self.got += piece
        return piece

    async def read_until(self, end: bytes, within_s: float = 30) -> bytes:
        """Return what came up to, and with, `end`."""
        async with asyncio.timeout(within_s):
            while end not in self.got:
                assert await self.read(within_s), f"the connection ended after {self.got[-200:]!r}"
        return self.got

    async def read_to_end(self, within_s: float = 30) -> bytes:
        """Return all that comes until the connection ends."""
        async with asyncio.timeout(within_s):
            while await self.read(within_s):
                pass
        return self.got

    @property
    def status(self) -> int:
        return int(self.got.split(b" ", 2)[1])

    @property
    def body(self) -> bytes:
        return self.got.partition(HEAD_END)[2]

    @property
    def events(self) -> list[Event]:
        """The events that came; not for a chunked body."""
        return EventParser().feed(self.body)

    @property
    def numbers(self) -> list[int]:
        return [int(event.json()["commentId"]) for event in self.events if event.name == "message"]

    def told(self, name: str) -> list[dict]:
        return [event.json() for event in self.events if event.name == name]

    def reset(self) -> None:
        with contextlib.suppress(OSError):
            self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.raw.close()

    def close(self) -> None:
        self.raw.close()


async def reset_in_the_handshake(edge: EdgeProcess, head: bytes, chance: random.Random) -> None:
    """Send some of a request, or all of it, wait for nothing, for a moment or for an answer, and reset."""
    connection = await Raw.open(edge)
    try:
        whole = chance.random() < 0.7
        await connection.say(head if whole else head[: chance.randrange(len(head))])
        match chance.randrange(4):
            case 0:
                pass
            case 1:
                await asyncio.sleep(0)
            case 2:
                await asyncio.sleep(chance.random() * 0.02)
            case _ if whole:
                await connection.read()
            case _:
                pass
    finally:
        connection.reset()
