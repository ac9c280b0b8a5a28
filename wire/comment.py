"""The comment in its three forms.

| form | where | shape |
|---|---|---|
| payload | stored in JetStream | `{"userId","message"}`, and `"name"`, `"role"` where the token had them |
| event | on a stream | the payload with `"commentId"` before and `"timestamp"` after |
| item | in a page of history | `{"id","userId","message","timestamp"}`, and `name`, `role` likewise |

The number and the time are not in the payload: JetStream gives them when it stores it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson

COMMENT_KIND: Final = "comment"


@dataclass(frozen=True, slots=True)
class Comment:
    """A stored comment. `posted_ms` is the time at which JetStream stored it, in milliseconds since 1970."""

    number: int
    user_id: str
    message: str
    posted_ms: int
    name: str | None = None
    role: str | None = None

    def item(self) -> dict[str, Any]:
        """Return the comment as it stands in a page of history."""
        item: dict[str, Any] = {
            "id": str(self.number),
            "userId": self.user_id,
            "message": self.message,
            "timestamp": self.posted_ms,
        }
        if self.name is not None:
            item["name"] = self.name
        if self.role is not None:
            item["role"] = self.role
        return item


def encode_payload(user_id: str, message: str, name: str | None = None, role: str | None = None) -> bytes:
    """Return the payload of a comment. It is one line: JSON escapes every line break."""
    payload = {"userId": user_id, "message": message}
    if name is not None:
        payload["name"] = name
    if role is not None:
        payload["role"] = role
    return orjson.dumps(payload)


def decode_payload(number: int, posted_ms: int, payload: bytes) -> Comment:
    """Return the comment that a payload holds. Raises `ValueError` for anything that no writer has written."""
    document = orjson.loads(payload)
    try:
        comment = Comment(
            number, document["userId"], document["message"], posted_ms, document.get("name"), document.get("role")
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("not the payload of a comment") from error
    texts = (comment.user_id, comment.message, comment.name or "", comment.role or "")
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("not the payload of a comment")
    return comment


def ordinary_author(payload: bytes) -> str | None:
    """Return who wrote a comment; None for a host, a moderator, and a payload that no writer has written."""
    try:
        document = orjson.loads(payload)
        author = document["userId"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    return author if isinstance(author, str) and document.get("role", "viewer") == "viewer" else None


def event_data(number: int, posted_ms: int, payload: bytes) -> bytes:
    """Return the `data` of a comment's event: the payload's own bytes, the number before and the time after them.

    The edge encodes each comment once, for all its viewers, without reading it.
    Raises `ValueError` for a payload that would break the stream.
    """
    if payload[:1] != b"{" or payload[-1:] != b"}" or b"\n" in payload or b"\r" in payload:
        raise ValueError("not the payload of a comment")
    return b'{"commentId":"%d",%b,"timestamp":%d}' % (number, payload[1:-1], posted_ms)


def event_payload(event: bytes) -> bytes:
    """Return the payload out of a whole event that `event_data` has made the data of."""
    begin, end = event.find(b'",') + 2, event.rfind(b',"timestamp":')
    return b"{%b}" % event[begin:end]


def is_comment(event: bytes) -> bool:
    """Return whether a whole event is a comment's: it has a number, and no name before its data."""
    return event.startswith(b"id: ") and b"\nevent: " not in event.partition(b"\ndata: ")[0]


def event_author(event: bytes) -> str | None:
    """Return who wrote the comment of a whole event; None for an event that is no comment."""
    if not is_comment(event):
        return None
    try:
        author = orjson.loads(event_payload(event)).get("userId")
    except (ValueError, AttributeError):
        return None
    return author if isinstance(author, str) else None


def posted_ns(stamp: str) -> int:
    """Return a `Nats-Time-Stamp` in nanoseconds since 1970, as exact as it says."""
    seconds, _, fraction = stamp.removesuffix("Z").partition(".")
    whole = datetime.fromisoformat(seconds).replace(tzinfo=UTC)
    return int(whole.timestamp()) * 1_000_000_000 + int((fraction + "0" * 9)[:9])


def posted_ms(stamp: str) -> int:
    """Return a `Nats-Time-Stamp` (RFC 3339, up to nanoseconds, UTC) in whole milliseconds since 1970, rounded down."""
    seconds, _, fraction = stamp.removesuffix("Z").partition(".")
    whole = datetime.fromisoformat(seconds).replace(tzinfo=UTC)
    return int(whole.timestamp()) * 1000 + int((fraction + "000")[:3])
