"""Storing messages in the streams of the shards: one at a time, or as an atomic batch (NATS ADR-50)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import nats.errors
from nats.aio.client import Client

from runtime.jetstream.calls import checked, request
from runtime.jetstream.errors import StoreAwayError, StoreError
from runtime.jetstream.messages import Ack, Outgoing
from wire import headers

BATCH_MAX: Final = 1_000  # messages in one atomic batch


class Publisher:
    """Stores messages in the streams of the shards."""

    def __init__(self, connection: Client) -> None:
        self._connection = connection
        self._batches = 0
        self._batch_prefix = connection.new_inbox().rsplit(".", 1)[1]

    async def one(self, message: Outgoing) -> Ack:
        """Store one message.

        Raises `StoreAwayError` (then it may be stored all the same), `StoreFullError`, `StoreError`.
        """
        reply = await request(self._connection, message.subject, message.payload, message.headers())
        answer = checked(reply)
        return Ack(answer["seq"], answer.get("duplicate", False))

    async def batch(self, messages: Sequence[Outgoing]) -> list[Ack]:
        """Store messages of one shard all or not at all, in their order, with one round of fsyncs.

        Raises `AlreadyStoredError`, `StoreFullError`, `StoreError` (then none is stored) and `StoreAwayError` (then
        all or none may be). At most `BATCH_MAX` messages.
        """
        self._batches += 1
        batch_id = f"{self._batch_prefix}-{self._batches}"
        try:
            for position, message in enumerate(messages[:-1], start=1):
                fields = message.headers()
                fields[headers.BATCH_ID] = batch_id
                fields[headers.BATCH_SEQUENCE] = str(position)
                await self._connection.publish(message.subject, message.payload, headers=fields)
        except (nats.errors.Error, OSError) as error:
            raise StoreAwayError(str(error)) from error
        last = messages[-1]
        fields = last.headers()
        fields[headers.BATCH_ID] = batch_id
        fields[headers.BATCH_SEQUENCE] = str(len(messages))
        fields[headers.BATCH_COMMIT] = "1"
        answer = checked(await request(self._connection, last.subject, last.payload, fields))
        if answer.get("count") != len(messages):
            raise StoreError(f"a batch of {len(messages)} was acknowledged with a count of {answer.get('count')}")
        first = answer["seq"] - len(messages) + 1
        return [Ack(number, duplicate=False) for number in range(first, answer["seq"] + 1)]
