"""Heartbeats, stalled viewers, expired tokens: what is due for time alone.

Much of it may be due in one second: videos that were opened at the same time, tokens that one issuer gave to a crowd.
So all of it is done a little in each turn of the event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Final

from edge.channels import Channels, OpenVideo
from edge.coming_back import EXPIRED_RETRY_MS, between, spread
from edge.metrics import ENDED
from edge.turns import VIDEOS_AT_ONCE, VIEWERS_AT_ONCE, in_turns
from edge.viewer import Viewer
from runtime.settings import Settings
from wire import sse

INTERVAL_S: Final = 1.0
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
        if now >= next_heartbeat:
            next_heartbeat = now + settings.heartbeat_s
            await in_turns(viewers, _reassure, VIEWERS_AT_ONCE)
        wall = time.time()
        await _warn_expiring(viewers, looked_at, wall)
        looked_at = wall
        await _end_overdue(viewers, now, wall - settings.token_leeway_s, settings.stall_s or float("inf"))


async def _look_after(channels: Channels, silent_since: float) -> None:
    """Tell the viewers of each video how much they were shown, and write to those who heard nothing for so long."""

    def look_after(video: OpenVideo) -> bool:
        channel = video.channel
        if not channel.viewers:
            return False
        told = channel.tell_sampled()
        if channel.last_write <= silent_since:
            channel.tell(sse.HEARTBEAT)
            told = True
        return told

    await in_turns(channels.open.values(), look_after, VIDEOS_AT_ONCE)


def _reassure(viewer: Viewer) -> bool:
    """Write a comment line to one who has no channel yet: it may have to wait until JetStream is back."""
    if viewer.index >= 0 or viewer.paused_since is not None or viewer.is_leaving:
        return False
    viewer.send(sse.HEARTBEAT)
    return True


async def _warn_expiring(viewers: Iterable[Viewer], looked_at: float, wall: float) -> None:
    """Tell those whose token has come close to its end since they were looked at last."""

    def warn(viewer: Viewer) -> bool:
        if viewer.identity is None or viewer.is_leaving or viewer.paused_since is not None:
            return False
        left_s = viewer.identity.expires_at - wall
        if not 0 < left_s <= EXPIRING_S[0]:
            return False  # as nearly all, each second
        left_before_s = viewer.identity.expires_at - looked_at
        if not any(left_s <= due_s < left_before_s for due_s in EXPIRING_S):
            return False
        viewer.send(sse.named_event("expiring", {"inMs": round(left_s * 1000)}))
        return True

    await in_turns(viewers, warn, VIEWERS_AT_ONCE)


async def _end_overdue(viewers: Iterable[Viewer], now: float, expired_before: float, stall_s: float) -> None:
    """Close those whose socket has taken nothing for so long, and send away those whose token has ended.

    A crowd comes back no faster than it can be taken in.
    """
    expired: list[Viewer] = []

    def close_if_stalled(viewer: Viewer) -> bool:
        stuck_since = viewer.paused_since if viewer.leaving_since is None else viewer.leaving_since
        if stuck_since is not None and now - stuck_since > stall_s:
            ENDED.labels("stalled").inc()
            viewer.abort()
            return True
        if not viewer.is_leaving and viewer.identity is not None and viewer.identity.expires_at <= expired_before:
            expired.append(viewer)
        return False

    await in_turns(viewers, close_if_stalled, VIEWERS_AT_ONCE)
    retry_ms = spread(EXPIRED_RETRY_MS, len(expired))

    def send_away(viewer: Viewer) -> bool:
        if viewer.is_leaving:
            return False
        ENDED.labels("expired").inc()
        viewer.say_goodbye("expired", between(retry_ms))
        return True

    await in_turns(expired, send_away, VIEWERS_AT_ONCE)
