"""The name server that Docker has at 127.0.0.11 in each container: it knows the services that run, and no others."""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

ADDRESS: Final = ("127.0.0.11", 53)
TTL_S: Final = 1
MAX_DATAGRAM: Final = 512

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET: Final = 0x40000000
_TYPE_A: Final = 1
_NO_SUCH_NAME: Final = 3
_HEADER: Final = struct.Struct(">HHHHHH")


class Names(asyncio.DatagramProtocol):
    """Answers in one container. `look_up` returns the address of a name, None where there is no such service."""

    def __init__(self, look_up: Callable[[str], str | None]) -> None:
        self._look_up = look_up
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: Any) -> None:
        """Remember where to answer."""
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer a question; anything else is passed over."""
        reply = answer(data, self._look_up)
        if reply is not None and self._transport is not None:
            self._transport.sendto(reply, addr)


def answer(query: bytes, look_up: Callable[[str], str | None]) -> bytes | None:
    """Return the answer to a DNS query (RFC 1035): an address, none for another type, or no such name."""
    if len(query) < _HEADER.size or len(query) > MAX_DATAGRAM:
        return None
    number, flags, questions, *_ = _HEADER.unpack_from(query)
    if questions != 1 or flags & 0x8000:
        return None
    labels, at = [], _HEADER.size
    while at < len(query) and query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode("ascii", "replace"))
        at += 1 + query[at]
    end = at + 5  # the zero, the type, the class
    if end > len(query):
        return None
    (kind,) = struct.unpack_from(">H", query, at + 1)
    address = look_up(".".join(labels).lower())
    code = 0 if address is not None else _NO_SUCH_NAME
    answers = b""
    if address is not None and kind == _TYPE_A:
        answers = struct.pack(">HHHIH", 0xC00C, _TYPE_A, 1, TTL_S, 4) + socket.inet_aton(address)
    head = _HEADER.pack(number, 0x8180 | code, 1, 1 if answers else 0, 0, 0)
    return head + query[_HEADER.size : end] + answers


async def serve(namespace: str, look_up: Callable[[str], str | None]) -> asyncio.DatagramTransport:
    """Answer in a namespace until the transport is closed."""
    with _inside(namespace):
        listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listening.setblocking(False)
    listening.bind(ADDRESS)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: Names(look_up), sock=listening)
    return transport


@contextmanager
def _inside(namespace: str) -> Iterator[None]:
    """Make this thread's sockets those of a namespace: a socket stays where it was made."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(Path("/run/netns", namespace), os.O_RDONLY)
    try:
        _set(there)
        yield
    finally:
        _set(home)
        os.close(there)
        os.close(home)


def _set(namespace: int) -> None:
    if _LIBC.setns(namespace, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
