"""An open loop: comments are due at a fixed pace, whether or not the server keeps up with it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

TEXT: Final = "what a goal, unbelievable scenes here tonight!"
MAX_UNANSWERED: Final = 4_000  # publishes on their way; a server that is this far behind is not sent more


class Pace:
    """Publishes to videos in turn, `per_s` comments a second altogether, until it is stopped."""

    def __init__(self, publish: Callable[[str, str], Awaitable[object]], videos: Sequence[str], per_s: float) -> None:
        self.published: Counter[str] = Counter()
        self.failed = 0
        self.withheld = 0
        self.latest_s = 0.0  # how late a publish was begun, at worst
        self._publish = publish
        self._videos = videos
        self._per_s = per_s
        self._sent = 0
        self._on_way: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._running = self._loop.create_task(self._run())

    async def between(self) -> None:
        """Wait for a moment half-way between two comments, so that none is under way at a slow pace."""
        await asyncio.sleep(0)
        position = (self._loop.time() - self._began) * self._per_s
        await asyncio.sleep(((int(position) + 1.6) - position) / self._per_s)

    async def stop(self) -> None:
        """Publish no more, and wait a moment for what is on its way."""
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        if self._on_way:
            _, late = await asyncio.wait(self._on_way, timeout=2)
            for task in late:
                task.cancel()

    async def _run(self) -> None:
        self._began = self._loop.time()
        while True:
            due = self._began + self._sent / self._per_s
            if (wait := due - self._loop.time()) > 0:
                await asyncio.sleep(wait)
            self.latest_s = max(self.latest_s, self._loop.time() - due)
            if len(self._on_way) < MAX_UNANSWERED:
                task = self._loop.create_task(self._one(self._videos[self._sent % len(self._videos)]))
                self._on_way.add(task)
                task.add_done_callback(self._on_way.discard)
            else:
                self.withheld += 1
            self._sent += 1

    async def _one(self, video: str) -> None:
        try:
            await self._publish(video, TEXT)
        except Exception:  # noqa: BLE001  whatever a peer's interface fails with, it was not published
            self.failed += 1
        else:
            self.published[video] += 1
