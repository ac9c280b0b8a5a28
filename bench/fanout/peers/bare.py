"""The kernel's own price: a bare send loop in C, fed through its standard input."""

from __future__ import annotations

from bench.fanout.peers.peer import Peer
from wire import sse


class Bare(Peer):
    """`bare_loop.c`."""

    name = "bare C send loop"

    async def start(self) -> None:
        """Start it."""
        await self.run(str(self.lab.programs.bare_loop), str(self.port), talks=True)

    async def publish(self, video: str, text: str) -> None:  # noqa: ARG002  it has one room only
        """Hand it the frame."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(sse.comment_event(*self.event(text)))
        await self._process.stdin.drain()
