"""NATS: the connection, publishing into a shard's stream, and reading from it.

nats-py has helpers neither for atomic batches nor for Direct Get in batches, so both are spoken here in their own
protocol. Whoever needs any of it imports it from here.

| file | its one concern |
|---|---|
| `errors.py` | what went wrong, as JetStream tells it |
| `messages.py` | messages to be stored, messages that are stored, and JetStream's word on them |
| `connection.py` | the connection to NATS |
| `calls.py` | calls of JetStream's API, one question and one answer each |
| `publisher.py` | storing messages, one at a time or as an atomic batch |
| `direct_get.py` | Direct Get in batches |
| `reader.py` | reading the streams of the shards |
"""

from runtime.jetstream.calls import api, erase, kept, message_at
from runtime.jetstream.connection import CONNECT_TIMEOUT_S, START_WAIT_S, close, connect, times_reconnected
from runtime.jetstream.errors import (
    AlreadyStoredError,
    OvertakenError,
    StoreAwayError,
    StoreError,
    StoreFullError,
    StreamMissingError,
)
from runtime.jetstream.messages import Ack, Kept, Outgoing, Stored, StreamState, stored_message
from runtime.jetstream.publisher import BATCH_MAX, Publisher
from runtime.jetstream.reader import MULTI_LAST_MAX, Reader

__all__ = [
    "BATCH_MAX",
    "CONNECT_TIMEOUT_S",
    "MULTI_LAST_MAX",
    "START_WAIT_S",
    "Ack",
    "AlreadyStoredError",
    "Kept",
    "Outgoing",
    "OvertakenError",
    "Publisher",
    "Reader",
    "StoreAwayError",
    "StoreError",
    "StoreFullError",
    "Stored",
    "StreamMissingError",
    "StreamState",
    "api",
    "close",
    "connect",
    "erase",
    "kept",
    "message_at",
    "stored_message",
    "times_reconnected",
]
