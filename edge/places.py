"""How many replays are written at once.

The event loop writes to every socket that has room before it looks at anything else. With a thousand deep replays under
way one turn of it takes a tenth of a second, live comments wait as long, and an edge that answers nobody's health check
is taken for dead, with all of its streams. So replays are served in the order in which they came, a few at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from types import TracebackType
from typing import Final, Self, TypeVar

AT_ONCE: Final = 16  # a chunk each in one turn of the event loop: below a millisecond
PATIENCE_S: Final = 0.02  # longer than a reader takes that keeps up; then somebody else has its place

_Result = TypeVar("_Result")


class Places:
    """The places there are on an edge."""

    def __init__(self, count: int = AT_ONCE) -> None:
        self._free = asyncio.Semaphore(count)

    def one(self) -> Place:
        """Return one viewer's place, which it has to take, and gives up at the end of a `with` at the latest."""
        return Place(self._free)


class Place:
    """One viewer's place. It is held while the viewer reads, and others have it while it does not."""

    def __init__(self, free: asyncio.Semaphore) -> None:
        self._free = free
        self.is_held = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._give_up()

    async def take(self) -> None:
        """Wait in line for it."""
        await self._free.acquire()
        self.is_held = True

    async def patiently(self, waiting: Awaitable[_Result]) -> _Result:
        """Await something. A place that is held is left to others if that takes long, and taken again afterwards."""
        was_held = self.is_held
        loop = asyncio.get_running_loop()
        timers: list[asyncio.Handle] = []
        # Once more around: what this turn of the loop has brought may end the wait before its timer is looked at.
        timers.append(loop.call_later(PATIENCE_S, lambda: timers.append(loop.call_soon(self._give_up))))
        try:
            result = await waiting
        finally:
            for timer in timers:
                timer.cancel()
        if was_held and not self.is_held:
            await self.take()
        return result

    def _give_up(self) -> None:
        if self.is_held:
            self.is_held = False
            self._free.release()
