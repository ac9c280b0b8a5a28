"""Heartbeats, stalled viewers, expired tokens: what is due for time alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Final

from edge.channels import Channels
from edge.metrics import ENDED
from edge.viewer import Viewer
from runtime.settings import Settings
from wire import sse

INTERVAL_S: Final = 1.0
EXPIRING_S: Final = 30.0  # so long before its token ends a viewer is told, so that it can bring a new one
EXPIRED_RETRY_MS: Final = 1_000  # with the same token it would be refused, with a new one it is welcome


async def sweep(channels: Channels, viewers: Iterable[Viewer], settings: Settings) -> None:
    """Do what is due, once a second, for ever."""
    loop = asyncio.get_running_loop()
    next_heartbeat = loop.time() + settings.heartbeat_s
    looked_at = time.time()
    while True:
        await asyncio.sleep(INTERVAL_S)
        now = loop.time()
        for video in channels.open.values():
            channel = video.channel
            if channel.viewers:
                channel.tell_sampled()
                if now - channel.last_write >= settings.heartbeat_s:
                    channel.tell(sse.HEARTBEAT)
        present = list(viewers)
        if now >= next_heartbeat:
            next_heartbeat = now + settings.heartbeat_s
            _reassure(present)
        wall = time.time()
        _warn_expiring(present, looked_at, wall)
        looked_at = wall
        _end_overdue(present, now, wall - settings.token_leeway_s, settings.stall_s or float("inf"))


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
        if 0 < left_s <= EXPIRING_S < viewer.identity.expires_at - looked_at:
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
            viewer.say_goodbye("expired", EXPIRED_RETRY_MS)
