"""Handshakes of streams begin a few at a time, so that thousands at once do not keep live comments waiting.

The event loop goes through everything that is ready before it looks at its sockets again: NATS, and whatever else came.
Without this, a crowd that comes back at once would be one turn of it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final

PER_TURN: Final = 4  # handshakes that begin in one turn of the event loop: a few milliseconds

Application = Callable[[Any, Any, Any], Awaitable[None]]


class Turnstile:
    """An ASGI application that lets requests for streams through to another one in their order, some in each turn.

    Who waits here is connected already: there are no more of them than files that this process may have open.
    """

    def __init__(self, app: Application) -> None:
        self._app = app
        self._begun = 0  # in this turn
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a request (ASGI 3)."""
        if scope["type"] == "http" and scope["path"].endswith("/stream"):
            await self._turn()
        await self._app(scope, receive, send)

    async def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        if self._begun == 0:
            loop.call_soon(self._next_turn, loop)
        if self._begun < PER_TURN and not self._waiting:
            self._begun += 1
            return
        self._begun = max(self._begun, 1)
        waiting: asyncio.Future[None] = loop.create_future()
        self._waiting.append(waiting)
        await waiting

    def _next_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        self._begun = 0
        while self._waiting and self._begun < PER_TURN:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(None)
                self._begun += 1
        if self._begun:
            loop.call_soon(self._next_turn, loop)
