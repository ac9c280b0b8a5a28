"""One viewer: a position in its video's ring, and somewhere to write to. Never a queue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from runtime.tokens import Identity
from wire import sse

# What may wait in this process for one viewer's socket before it is left alone until it drains.
HIGH_WATER_BYTES: Final = 64 * 1024
LOW_WATER_BYTES: Final = 16 * 1024
# What the kernel may hold for it on top; bounded, or a viewer that never reads would go unnoticed for 4 MB.
SEND_BUFFER_BYTES: Final = 128 * 1024


class Room(Protocol):
    """What a viewer needs of the channel that it has joined."""

    def catch_up(self, viewer: Viewer) -> None:
        """Write to the viewer what it lacks."""

    def leave(self, viewer: Viewer) -> None:
        """Forget the viewer."""


class Viewer:
    """A viewer. Who makes one fills in `send` and `end`, and calls `paused`, `resumed` and `gone`.

    `index` is its place in the ring of its channel: everything before it has been written, up to the number `reached`.
    It is -1 until the viewer has joined, and again once it is on its way out.
    """

    __slots__ = (
        "_on_gone",
        "_on_resumed",
        "address",
        "channel",
        "identity",
        "index",
        "leaving_since",
        "paused_since",
        "reached",
    )

    takes_packed = False  # whether `send_packed` may be called

    def __init__(self, identity: Identity | None, address: str) -> None:
        self.identity = identity  # None where reading is public
        self.address = address
        self.channel: Room | None = None
        self.index = -1
        self.paused_since: float | None = None  # the loop's time at which its socket was found full
        self.reached = 0
        self.leaving_since: float | None = None  # the loop's time at which its stream ended, or began to
        self._on_gone: Callable[[Viewer], None] | None = None
        self._on_resumed: asyncio.Event | None = None

    def cares_for(self, author: str) -> bool:
        """Whether it sees everything by an author, sample or not: itself, and those it follows."""
        identity = self.identity
        return identity is not None and (author == identity.user_id or author in identity.following)

    def cares_for_any(self, authors: set[str]) -> bool:
        """Whether it cares for one of some authors."""
        identity = self.identity
        return identity is not None and (identity.user_id in authors or not identity.following.isdisjoint(authors))

    def send(self, data: bytes) -> None:
        """Write bytes to the viewer. Does nothing once it is gone."""
        raise NotImplementedError

    def send_packed(self, blocks: bytes) -> None:
        """Write bytes that are packed (see `packing.py`), to a viewer that takes them."""
        raise NotImplementedError

    def end(self) -> None:
        """Close its stream after what has been written."""
        raise NotImplementedError

    def abort(self) -> None:
        """Close its stream at once; what waits for its socket is thrown away."""
        raise NotImplementedError

    @property
    def is_leaving(self) -> bool:
        """Whether its stream has ended, or is about to: nothing more is written to it."""
        return self.leaving_since is not None

    def when_gone(self, callback: Callable[[Viewer], None]) -> None:
        """Have `callback` called once with the viewer, when its connection has ended."""
        self._on_gone = callback

    def say_goodbye(self, reason: str, retry_ms: int) -> None:
        """Tell the viewer why its stream ends and when to come back, and end it. Nothing comes after that."""
        if not self.is_leaving:
            self._leave()
            self.send(sse.goodbye(reason, retry_ms))
            self.end()

    def paused(self, now: float) -> None:
        """Its socket is full: it is left alone until it drains."""
        if self.paused_since is None:
            self.paused_since = now

    async def writable(self) -> None:
        """Wait until its socket takes more, or its stream ends."""
        while self.paused_since is not None and not self.is_leaving:
            self._on_resumed = asyncio.Event()
            await self._on_resumed.wait()
            self._on_resumed = None

    def resumed(self) -> None:
        """Its socket has drained: it catches up from the ring."""
        self.paused_since = None
        if self._on_resumed is not None:
            self._on_resumed.set()
        if self.channel is not None:
            self.channel.catch_up(self)

    def gone(self) -> None:
        """Its connection has ended. Safe to call more than once."""
        self._leave()
        callback, self._on_gone = self._on_gone, None
        if callback is not None:
            callback(self)

    def _leave(self) -> None:
        if not self.is_leaving:
            self.leaving_since = asyncio.get_running_loop().time()
        self.index = -1
        if self._on_resumed is not None:
            self._on_resumed.set()
        if self.channel is not None:
            self.channel.leave(self)
            self.channel = None
