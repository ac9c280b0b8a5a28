"""Direct Get in batches (NATS ADR-31): one question, and as many answers as there are messages."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final

import nats.errors
import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg

from runtime.jetstream.connection import when_lost
from runtime.jetstream.errors import StoreAwayError, StoreError
from runtime.jetstream.messages import Stored, stored_message
from wire import headers

DIRECT_GET_TIMEOUT_S: Final = 5.0


class DirectGet:
    """Asks on one connection, and puts together what comes in answer."""

    def __init__(self, connection: Client) -> None:
        self._connection = connection
        self._inbox = connection.new_inbox()
        self._asked = 0
        self._waiting: dict[str, _Gathering] = {}

    async def start(self) -> None:
        """Listen for answers; once."""
        when_lost(self._connection, self._give_up)
        await self._connection.subscribe(f"{self._inbox}.*", cb=self._arrived)

    async def ask(self, stream: str, wanted: dict[str, Any]) -> tuple[list[Stored], int]:
        """Return the messages that a stream has of what is wanted, in order, and how many more there are after them.

        Raises `StoreAwayError`, `StoreError`.
        """
        self._asked += 1
        token = str(self._asked)
        gathering = _Gathering(asyncio.get_running_loop().create_future())
        self._waiting[token] = gathering
        try:
            await self._connection.publish(
                f"$JS.API.DIRECT.GET.{stream}",
                orjson.dumps(wanted),
                reply=f"{self._inbox}.{token}",
            )
            async with asyncio.timeout(DIRECT_GET_TIMEOUT_S):  # not wait_for: see runtime.cancelling
                await gathering.done
        except (TimeoutError, nats.errors.Error, OSError) as error:
            raise StoreAwayError(f"{stream}: {type(error).__name__} in a Direct Get") from error
        finally:
            del self._waiting[token]
        return gathering.messages, gathering.pending

    def _give_up(self) -> None:
        for gathering in list(self._waiting.values()):
            if not gathering.done.done():
                gathering.done.set_exception(nats.errors.StaleConnectionError())

    async def _arrived(self, message: Msg) -> None:
        gathering = self._waiting.get(message.subject.rsplit(".", 1)[1])
        if gathering is not None:
            gathering.add(message)


@dataclass(slots=True)
class _Gathering:
    """The messages of one Direct Get, until the one that ends it."""

    done: asyncio.Future[None]
    messages: list[Stored]
    pending: int

    def __init__(self, done: asyncio.Future[None]) -> None:
        self.done = done
        self.messages = []
        self.pending = 0

    def add(self, message: Msg) -> None:
        fields = message.headers or {}
        status = fields.get("Status")
        if self.done.done():
            return
        if status in (None, "204"):
            # Each message names the one before it in the same answer, and the end names the last one.
            last = self.messages[-1].number if self.messages else 0
            if int(fields.get(headers.LAST_SEQUENCE, "0")) != last:
                self.done.set_exception(StoreAwayError("a part of a Direct Get's answer was lost"))
                return
        if status is None:
            self.messages.append(stored_message(message))
            return
        if status in ("204", "404"):
            self.pending = int(fields.get(headers.PENDING, "0"))
            self.done.set_result(None)
        elif status == "503":
            self.done.set_exception(nats.errors.NoRespondersError())
        else:
            self.done.set_exception(StoreError(f"Direct Get: {status} {fields.get('Description', '')}"))
