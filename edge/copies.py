"""The live copies of one video: the subscription to them, and each as it is read.

JetStream republishes every stored message once, with its number and the number before it on its subject.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Final

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from edge.metrics import UNREADABLE
from runtime.jetstream import Stored, stored_message
from wire import headers, subjects

FLUSH_TIMEOUT_S: Final = 2
PENDING_COPIES: Final = 65_536  # in nats-py, between the socket and this file; lost copies are found as a gap
PENDING_BYTES: Final = 64 * 1024 * 1024


class Copies:
    """A subscription that can be let go and taken again."""

    __slots__ = ("_connection", "_hear", "_subject", "_subscription")

    def __init__(self, connection: Client, shard: int, video: str, hear: Callable[[Stored, int], None]) -> None:
        """`hear` is called with each copy and the number before it on its subject, 0 where the stream has none."""
        self._connection = connection
        self._subject = subjects.live(shard, video)
        self._hear = hear
        self._subscription: Subscription | None = None

    async def subscribe(self) -> None:
        """Take them in; returns when the server knows of it. Raises what nats-py raises."""
        if self._subscription is None:
            self._subscription = await self._connection.subscribe(
                self._subject,
                cb=self._heard,
                pending_msgs_limit=PENDING_COPIES,
                pending_bytes_limit=PENDING_BYTES,
            )
        await self._connection.flush(FLUSH_TIMEOUT_S)

    async def unsubscribe(self) -> None:
        """Take them in no more."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            # Without a connection there is no subscription at the server either.
            with contextlib.suppress(nats.errors.Error, OSError):
                await subscription.unsubscribe()

    async def _heard(self, copy: Msg) -> None:
        try:
            stored = stored_message(copy)
            previous = int((copy.headers or {}).get(headers.LAST_SEQUENCE, "0"))
        except (KeyError, ValueError):
            UNREADABLE.inc()
            return
        self._hear(stored, previous)
