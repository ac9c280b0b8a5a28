"""High-water marks: the highest number of each shard that this part knows to have been given.

A stream whose next number is not above them has lost what it acknowledged, or is an old copy: it was *found short*, and
must be lifted before it gives another number. Whoever finds that says so on `short.S`, and says it again until it is
over, so that all writers stop. Whoever wants to know how far the numbers go asks everybody, on `known.S`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from runtime.logs import get_logger
from wire import subjects
from wire.mark import Claim, decode_number

GATHER_S: Final = 0.3  # in which everybody answers

_log = get_logger("marks")


class Marks:
    """The marks of all shards, and what others say about them. `on_claim` is told of a stream found short."""

    def __init__(
        self, connection: Client, shards: int, on_claim: Callable[[int, Claim], None] = lambda _, __: None
    ) -> None:
        self._connection = connection
        self._highest = [0] * shards
        self._on_claim = on_claim

    async def start(self, *, follow: bool = True) -> None:
        """Listen. With `follow` the marks rise with what writers and archivers say that they have done."""
        if follow:
            await self._connection.subscribe(subjects.stored("*"), cb=self._heard_number)
            await self._connection.subscribe(subjects.archived("*"), cb=self._heard_number)
        await self._connection.subscribe(subjects.short("*"), cb=self._heard_claim)
        await self._connection.subscribe(subjects.known("*"), cb=self._asked)

    def of(self, shard: int) -> int:
        """Return the highest number known of a shard, 0 for none."""
        return self._highest[shard]

    def reach(self, shard: int, number: int) -> None:
        """Note that a number was given."""
        self._highest[shard] = max(self._highest[shard], number)

    async def claim(self, shard: int, claim: Claim) -> None:
        """Say that the shard's stream was found short."""
        with contextlib.suppress(nats.errors.Error, OSError):  # it is said again
            await self._connection.publish(subjects.short(shard), claim.encode())

    async def gather(self, shard: int, wait_s: float = GATHER_S) -> int:
        """Ask everybody, and return the highest number known. Without anybody there it returns at once."""
        over = asyncio.Event()
        inbox = self._connection.new_inbox()

        async def told(message: Msg) -> None:
            if (message.headers or {}).get("Status") == "503":
                over.set()
                return
            with contextlib.suppress(ValueError):
                self.reach(shard, decode_number(message.data))

        with contextlib.suppress(nats.errors.Error, OSError, TimeoutError):
            listening = await self._connection.subscribe(inbox, cb=told)
            try:
                await self._connection.publish(subjects.known(shard), b"", reply=inbox)
                async with asyncio.timeout(wait_s):  # not wait_for: see runtime.cancelling
                    await over.wait()
            finally:
                await listening.unsubscribe()
        return self._highest[shard]

    async def _heard_number(self, message: Msg) -> None:
        with contextlib.suppress(ValueError, IndexError):
            self.reach(_shard_of(message), decode_number(message.data))

    async def _heard_claim(self, message: Msg) -> None:
        try:
            shard, claim = _shard_of(message), Claim.decode(message.data)
            self.reach(shard, claim.known)
        except (ValueError, IndexError):
            _log.warning("not a claim", subject=message.subject)
            return
        self._on_claim(shard, claim)

    async def _asked(self, message: Msg) -> None:
        with contextlib.suppress(nats.errors.Error, OSError, ValueError, IndexError):
            await message.respond(b"%d" % self._highest[_shard_of(message)])


def _shard_of(message: Msg) -> int:
    return int(message.subject.rsplit(".", 1)[1])
