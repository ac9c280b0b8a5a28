"""Who is taken in, and how all are sent away."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable, Sequence
from typing import Final

from edge.audience import Audience
from edge.channels import Channels, OpenVideo
from edge.coming_back import FULL_RETRY_MS, POLL_RETRY_MS, RETRY_MS, RETURNING_PER_S, between, spread
from edge.joining import Joining, Position
from edge.limits import StreamLimits
from edge.metrics import CLOSED, ENDED, OPENED, VIEWERS
from edge.moderation import Moderation
from edge.turns import VIEWERS_AT_ONCE, in_turns
from edge.viewer import Viewer
from runtime.logs import get_logger
from runtime.revocations import Revocation
from runtime.settings import Settings
from runtime.token_keys import Key
from runtime.tokens import Identity
from wire import sse

POLL_INTERVAL_MS: Final = 2_000
DRAIN_MAX_S: Final = 20.0
DRAIN_STEP_S: Final = 0.05
GOODBYE_S: Final = 1.0  # for the last of what was written to viewers that read slowly

_log = get_logger("edge")


class Admission:
    """The viewers of this edge, from the first step of their streams to the end."""

    def __init__(
        self, settings: Settings, channels: Channels, joining: Joining, audience: Audience, moderation: Moderation
    ) -> None:
        self.limits = StreamLimits(settings)
        self.viewers: dict[Viewer, OpenVideo | None] = {}  # each with the video that it has a claim on
        self._channels = channels
        self._joining = joining
        self._audience = audience
        self._moderation = moderation
        self._poll_above = settings.poll_above
        self._draining = False
        self.is_revoked: Callable[[Identity], bool] = lambda _: False
        self._loop = asyncio.get_running_loop()
        self._withdrawing: asyncio.Task[None] | None = None
        self._on_the_way: dict[Viewer, asyncio.Task[None]] = {}
        self._on_gone = self._left  # one object for all of them
        self._emptied = asyncio.Event()  # set when the last viewer has gone

    def admit(self, viewer: Viewer, video: str, position: Position) -> None:
        """Take a viewer in whose connection stands; at overload tell it to come back, rather than refuse it.

        Any status but 200 would end a browser's EventSource for good, and none would make it come back at once.
        """
        self.limits.take(viewer.address, viewer.identity)
        self.viewers[viewer] = None
        OPENED.inc()
        VIEWERS.set(len(self.viewers))
        viewer.when_gone(self._on_gone)
        if self._draining:
            self._send_away(viewer, "drain", between(RETRY_MS))
            return
        held = None if self.limits.edge_is_over else self._channels.claim(video)
        if held is None:
            self._send_away(viewer, "full", between(FULL_RETRY_MS))
            return
        self.viewers[viewer] = held
        if self._moderation.is_banned(video, viewer.identity):
            self._moderation.send_away(viewer)
            return
        if viewer.identity is not None and self.is_revoked(viewer.identity):
            self._send_away(viewer, "revoked", between(RETRY_MS))  # since its token was checked
            return
        if self._poll_above and self._audience.count(held) >= self._poll_above:
            told = {"url": f"/comments/{video}/snapshot", "intervalMs": POLL_INTERVAL_MS}
            viewer.send(sse.named_event("poll", told))
            self._send_away(viewer, "poll", between(POLL_RETRY_MS))
            return
        viewer.send(sse.retry(between(RETRY_MS)))
        if not self._joining.join_now(viewer, held, position):
            self._on_the_way[viewer] = self._loop.create_task(self._join(viewer, held, position))
        elif not viewer.is_leaving:
            self._welcome(viewer, held)

    def revoked(self, revocation: Revocation) -> None:
        """Send away those whose tokens are no longer good."""
        if revocation.kind == "user" and not self.limits.streams_of(revocation.of):
            return
        for viewer in list(self.viewers):
            identity = viewer.identity
            if identity is None or viewer.is_leaving or revocation.of not in (identity.user_id, identity.token_id):
                continue
            if self.is_revoked(identity):
                self._send_away(viewer, "revoked", between(RETRY_MS))

    def keys_changed(self, good: frozenset[Key]) -> None:
        """Send away those whose tokens are signed with a key that was withdrawn, a number of them at a time."""
        gone = [
            viewer
            for viewer in self.viewers
            if viewer.identity is not None and viewer.identity.key is not None and viewer.identity.key not in good
        ]
        if gone:
            _log.info("viewers whose key was withdrawn are sent away", viewers=len(gone))
            self._withdrawing = self._loop.create_task(self._withdraw(gone))

    async def _withdraw(self, gone: Sequence[Viewer]) -> None:
        retry_ms = spread(RETRY_MS, len(gone))

        def send_away(viewer: Viewer) -> bool:
            if viewer not in self.viewers or viewer.is_leaving:
                return False
            self._send_away(viewer, "revoked", between(retry_ms))
            return True

        await in_turns(gone, send_away, VIEWERS_AT_ONCE)

    async def drain(self) -> None:
        """Send the viewers away, over the time that the fleet needs to take them in, each to come back at once.

        Those that do not read are closed at the end.
        """
        self._draining = True
        waiting = list(self.viewers)
        took_s = min(DRAIN_MAX_S, len(waiting) / RETURNING_PER_S)
        steps = max(1, math.ceil(took_s / DRAIN_STEP_S))
        size = max(1, math.ceil(len(waiting) / steps))
        for place in range(0, len(waiting), size):
            for viewer in waiting[place : place + size]:
                if not viewer.is_leaving:
                    self._send_away(viewer, "drain", between(RETRY_MS))
            await asyncio.sleep(took_s / steps)
        if self.viewers:
            self._emptied.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GOODBYE_S):
                    await self._emptied.wait()
        for viewer in list(self.viewers):
            viewer.abort()

    async def _join(self, viewer: Viewer, video: OpenVideo, position: Position) -> None:
        try:
            await video.feed.opened()
            if self._moderation.is_banned(video.channel.video, viewer.identity):
                self._moderation.send_away(viewer)
                return
            await self._joining.join(viewer, video, position)
            if not viewer.is_leaving:
                self._welcome(viewer, video)
        except Exception:  # noqa: BLE001  whatever it is, the viewer must not be left without an end
            _log.exception("a viewer could not be brought to live", video=video.channel.video)
            viewer.abort()
        finally:
            self._on_the_way.pop(viewer, None)

    def _welcome(self, viewer: Viewer, video: OpenVideo) -> None:
        """Tell one who is live now how things are."""
        viewer.send(self._moderation.event(video.channel.video) + self._audience.event(video))

    def _left(self, viewer: Viewer) -> None:
        claim = self.viewers.pop(viewer)
        CLOSED.inc()
        VIEWERS.set(len(self.viewers))
        if not self.viewers:
            self._emptied.set()
        self.limits.release(viewer.address, viewer.identity)
        joining = self._on_the_way.pop(viewer, None)
        if joining is not None:
            joining.cancel()
        if claim is not None:
            self._channels.release(claim)

    def _send_away(self, viewer: Viewer, reason: str, retry_ms: int) -> None:
        ENDED.labels(reason).inc()
        viewer.say_goodbye(reason, retry_ms)
