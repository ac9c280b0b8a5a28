"""Headers of a stored comment, and its message id."""

from __future__ import annotations

import itertools
import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256

# Of a message on its way into a stream.
MESSAGE_ID = "Nats-Msg-Id"
KIND = "Kind"  # absent: a comment
EXPECTED_LAST = "Nats-Expected-Last-Subject-Sequence"  # store only if this is the newest under the subject
TTL = "Nats-TTL"  # keep it for so long: NATS ADR-43
BATCH_ID = "Nats-Batch-Id"  # NATS ADR-50, atomic batch publishing
BATCH_SEQUENCE = "Nats-Batch-Sequence"
BATCH_COMMIT = "Nats-Batch-Commit"

# Of a message read from a stream, or republished by it.
SEQUENCE = "Nats-Sequence"
LAST_SEQUENCE = "Nats-Last-Sequence"  # the number before this one on the same subject, 0 if the stream holds none
TIMESTAMP = "Nats-Time-Stamp"
SUBJECT = "Nats-Subject"
PENDING = "Nats-Num-Pending"

_OF_THIS_PROCESS = secrets.token_urlsafe(16)
_COUNT = itertools.count(1)


def own_id() -> str:
    """Return a `Nats-Msg-Id` that no other message has."""
    return f"{_OF_THIS_PROCESS}.{next(_COUNT)}"


def message_id(video: str, user: str, key: str | None) -> str:
    """Return the `Nats-Msg-Id` under which JetStream stores a comment once.

    With an Idempotency-Key it is the same for every repeat of the same user's same key on the same video. Each part is
    preceded by its length, so that no two different triples run together. Without a key it is one that no other
    comment has, so that only the service's own retries of this one request are known as repeats.
    """
    if key is None:
        return own_id()
    digest = sha256()
    for part in (video, user, key):
        data = part.encode()
        digest.update(len(data).to_bytes(4, "big"))
        digest.update(data)
    return urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()
