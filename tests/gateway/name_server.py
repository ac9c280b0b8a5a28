"""A name server that knows what a test tells it, as a cluster's does: names of pods, and their addresses."""

from __future__ import annotations

import asyncio
import struct

TYPE_A = 1
NO_SUCH_NAME = 3


class NameServer(asyncio.DatagramProtocol):
    """Answers A queries by `addresses`, and any other query for a name that it knows with nothing (RFC 1035)."""

    def __init__(self) -> None:
        self.addresses: dict[str, str] = {}
        self._transport: asyncio.DatagramTransport | None = None

    async def start(self) -> int:
        """Begin, and return the port."""
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: self, local_addr=("127.0.0.1", 0)
        )
        self._transport = transport
        return transport.get_extra_info("sockname")[1]

    def stop(self) -> None:
        assert self._transport is not None
        self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        place, labels = 12, []
        while data[place]:
            labels.append(data[place + 1 : place + 1 + data[place]].decode())
            place += 1 + data[place]
        question = data[12 : place + 5]
        (kind,) = struct.unpack("!H", data[place + 1 : place + 3])
        address = self.addresses.get(".".join(labels).lower())
        answer = b""
        if address is not None and kind == TYPE_A:
            number = bytes(int(part) for part in address.split("."))
            answer = b"\xc0\x0c" + struct.pack("!HHIH", TYPE_A, 1, 1, 4) + number
        flags = 0x8180 | (NO_SUCH_NAME if address is None else 0)
        head = data[:2] + struct.pack("!HHHHH", flags, 1, 1 if answer else 0, 0, 0)
        assert self._transport is not None
        self._transport.sendto(head + question + answer, addr)
