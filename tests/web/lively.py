"""A lively chat, made of nothing: comments as an edge flushes them, slipped into the stream of a page."""

from __future__ import annotations

import asyncio
import json
import time

from tests.web.between import Between

FLUSH_S = 0.1  # how an edge writes to a busy room


class Lively:
    """A load on the page, and on nothing else."""

    def __init__(self, between: Between) -> None:
        self._between = between
        self._number = int(time.time() * 1e6) + 10**12
        self.said = 0

    async def say(self, per_s: int, seconds: float) -> None:
        began = asyncio.get_running_loop().time()
        for flush in range(int(seconds / FLUSH_S)):
            await self._between.say("".join(self._event() for _ in range(int(per_s * FLUSH_S))))
            await asyncio.sleep(max(0, began + (flush + 1) * FLUSH_S - asyncio.get_running_loop().time()))

    def _event(self) -> str:
        self.said += 1
        self._number += 1
        comment = {
            "commentId": str(self._number),
            "userId": f"user-{self.said % 50}",
            "name": f"Somebody {self.said % 50}",
            "message": f"comment {self.said} " + "and more of it " * (self.said % 7),
            "timestamp": int(time.time() * 1000),
        }
        return f"id: {self._number}\ndata: {json.dumps(comment)}\n\n"
