"""Heartbeats, stalled viewers, expired tokens: what is due for time alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Final

from edge.channels import Channels
from edge.metrics import ENDED
from edge.viewer import Viewer
from runtime.tokens import LEEWAY_S
from wire import sse

INTERVAL_S: Final = 1.0
HEARTBEAT_S: Final = 15.0
STALL_S: Final = 30.0  # a viewer whose socket takes nothing for this long is closed
EXPIRED_RETRY_MS: Final = 1_000  # with the same token it would be refused, with a new one it is welcome


async def sweep(channels: Channels, viewers: Iterable[Viewer]) -> None:
    """Do what is due, once a second, for ever."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(INTERVAL_S)
        now = loop.time()
        for video in channels.open.values():
            channel = video.channel
            if channel.viewers:
                channel.tell_sampled()
                if now - channel.last_write >= HEARTBEAT_S:
                    channel.tell(sse.HEARTBEAT)
        _end_overdue(list(viewers), now, time.time())


def _end_overdue(viewers: Iterable[Viewer], now: float, wall: float) -> None:
    for viewer in viewers:
        stuck_since = viewer.paused_since if viewer.leaving_since is None else viewer.leaving_since
        if stuck_since is not None and now - stuck_since > STALL_S:
            ENDED.labels("stalled").inc()
            viewer.abort()
        elif viewer.is_leaving:
            continue
        elif viewer.identity is not None and viewer.identity.expires_at + LEEWAY_S <= wall:
            ENDED.labels("expired").inc()
            viewer.say_goodbye("expired", EXPIRED_RETRY_MS)
