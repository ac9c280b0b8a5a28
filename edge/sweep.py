"""Heartbeats, stalled viewers, expired tokens: what is due for time alone."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterable
from typing import Final

from edge.channels import Channels
from edge.metrics import ENDED
from edge.viewer import Viewer
from runtime.tokens import LEEWAY_S

INTERVAL_S: Final = 1.0
HEARTBEAT_S: Final = 15.0
STALL_S: Final = 30.0  # a viewer whose socket takes nothing for this long is closed
RETRY_MS: Final = (1_000, 3_000)  # how long a client waits before it connects again: each another time


def retry_ms() -> int:
    """Return a time to wait before connecting again, in milliseconds."""
    return random.randint(*RETRY_MS)  # noqa: S311  spreads load, no secret


async def sweep(channels: Channels, viewers: dict[Viewer, None]) -> None:
    """Do what is due, once a second, for ever."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(INTERVAL_S)
        now = loop.time()
        for video in channels.open.values():
            if video.channel.viewers and now - video.channel.last_write >= HEARTBEAT_S:
                video.channel.heartbeat()
        _end_overdue(list(viewers), now, time.time())


def _end_overdue(viewers: Iterable[Viewer], now: float, wall: float) -> None:
    for viewer in viewers:
        if viewer.paused_since is not None and now - viewer.paused_since > STALL_S:
            ENDED.labels("stalled").inc()
            viewer.abort()
        elif viewer.expires_at is not None and viewer.expires_at + LEEWAY_S <= wall:
            ENDED.labels("expired").inc()
            viewer.say_goodbye("expired", retry_ms())
