"""A viewer on a server that cannot hand over: an ordinary streamed response of Quart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from edge.viewer import HIGH_WATER_BYTES, Viewer
from runtime.tokens import Identity


class StreamedViewer(Viewer):
    """A viewer whose bytes wait here, up to a limit, until the server has sent what came before them."""

    __slots__ = ("_ended", "_loop", "_task", "_unsent", "_woken")

    def __init__(self, identity: Identity | None, address: str) -> None:
        super().__init__(identity, address)
        self._loop = asyncio.get_running_loop()
        self._unsent = bytearray()
        self._woken = asyncio.Event()
        self._ended = False
        self._task: asyncio.Task[object] | None = None  # the server's, that sends the response

    def send(self, data: bytes) -> None:
        """Keep bytes until the server takes them."""
        if self._ended:
            return
        self._unsent += data
        self._woken.set()
        if len(self._unsent) > HIGH_WATER_BYTES:
            self.paused(self._loop.time())

    def end(self) -> None:
        """End the response after what has been written."""
        self._ended = True
        self._woken.set()

    def abort(self) -> None:
        """End the response; what the server has not taken is thrown away."""
        self._unsent.clear()
        self.end()
        if self._task is not None:
            self._task.cancel()  # the server may be waiting for a socket that takes nothing

    async def body(self) -> AsyncGenerator[bytes, None]:
        """Yield what there is to send, for as long as the client stays."""
        self._task = asyncio.current_task()
        try:
            while self._unsent or not self._ended:
                if not self._unsent:
                    self._woken.clear()
                    await self._woken.wait()
                    continue
                data = bytes(self._unsent)
                self._unsent.clear()
                yield data
                if self.paused_since is not None:
                    self.resumed()
        finally:
            self._ended = True
            self._task = None
            self.gone()
