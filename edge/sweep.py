"""Heartbeats, stalled viewers, expired tokens: what is due for time alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Final

from edge.channels import Channels
from edge.coming_back import EXPIRED_RETRY_MS, between
from edge.metrics import ENDED
from edge.viewer import Viewer
from runtime.settings import Settings
from wire import sse

INTERVAL_S: Final = 1.0
TOLD_AT_ONCE: Final = 50  # videos in one turn of the event loop: some milliseconds
# So long before its token ends a viewer is told, so that it can bring a new one: in good time, and once more for those
# who came with less than that.
EXPIRING_S: Final = (30.0, 5.0)


async def sweep(
    channels: Channels, viewers: Iterable[Viewer], settings: Settings, look_at_keys: Callable[[], None]
) -> None:
    """Do what is due, once a second, for ever."""
    loop = asyncio.get_running_loop()
    next_heartbeat = loop.time() + settings.heartbeat_s
    looked_at = time.time()
    while True:
        await asyncio.sleep(INTERVAL_S)
        now = loop.time()
        await _look_after(channels, now - settings.heartbeat_s)
        look_at_keys()
        present = list(viewers)
        if now >= next_heartbeat:
            next_heartbeat = now + settings.heartbeat_s
            _reassure(present)
        wall = time.time()
        _warn_expiring(present, looked_at, wall)
        looked_at = wall
        _end_overdue(present, now, wall - settings.token_leeway_s, settings.stall_s or float("inf"))


async def _look_after(channels: Channels, silent_since: float) -> None:
    """Tell the viewers of each video how much they were shown, and write to those who heard nothing for so long."""
    told = 0
    for video in list(channels.open.values()):
        channel = video.channel
        if not channel.viewers:
            continue
        channel.tell_sampled()
        if channel.last_write <= silent_since:
            channel.tell(sse.HEARTBEAT)
            told += 1
            if told % TOLD_AT_ONCE == 0:
                await asyncio.sleep(0)  # videos that were opened at the same time are due at the same time


def _reassure(viewers: Iterable[Viewer]) -> None:
    """Write a comment line to those who have no channel yet: they may have to wait until JetStream is back."""
    for viewer in viewers:
        if viewer.index < 0 and viewer.paused_since is None and not viewer.is_leaving:
            viewer.send(sse.HEARTBEAT)


def _warn_expiring(viewers: Iterable[Viewer], looked_at: float, wall: float) -> None:
    """Tell those whose token has come close to its end since they were looked at last."""
    for viewer in viewers:
        if viewer.identity is None or viewer.is_leaving or viewer.paused_since is not None:
            continue
        left_s = viewer.identity.expires_at - wall
        left_before_s = viewer.identity.expires_at - looked_at
        if left_s > 0 and any(left_s <= due_s < left_before_s for due_s in EXPIRING_S):
            viewer.send(sse.named_event("expiring", {"inMs": round(left_s * 1000)}))


def _end_overdue(viewers: Iterable[Viewer], now: float, expired_before: float, stall_s: float) -> None:
    for viewer in viewers:
        stuck_since = viewer.paused_since if viewer.leaving_since is None else viewer.leaving_since
        if stuck_since is not None and now - stuck_since > stall_s:
            ENDED.labels("stalled").inc()
            viewer.abort()
        elif viewer.is_leaving:
            continue
        elif viewer.identity is not None and viewer.identity.expires_at <= expired_before:
            ENDED.labels("expired").inc()
            viewer.say_goodbye("expired", between(EXPIRED_RETRY_MS))
