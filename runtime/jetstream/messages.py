"""Messages on their way into a stream, as a stream holds them, and what JetStream says of both."""

from __future__ import annotations

from dataclasses import dataclass, field

from nats.aio.msg import Msg

from wire import headers
from wire.comment import posted_ms


@dataclass(frozen=True, slots=True)
class Stored:
    """A message as a stream holds it. `headers` are those it was published with, and the stream's own."""

    number: int
    subject: str
    posted_ms: int
    payload: bytes
    headers: dict[str, str]

    @property
    def kind(self) -> str | None:
        """Return the kind of the message, None for a comment."""
        return self.headers.get(headers.KIND)


@dataclass(frozen=True, slots=True)
class Kept:
    """A message as a stream's leader keeps it. `kind` is None for a comment."""

    number: int
    subject: str
    posted_ms: int
    payload: bytes
    kind: str | None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to be stored once: a repeat of its `message_id` within the duplicate window is not stored again."""

    subject: str
    payload: bytes
    message_id: str
    kind: str | None = None
    further: tuple[tuple[str, str], ...] = ()  # headers

    def headers(self) -> dict[str, str]:
        """Return its headers."""
        fields = {**dict(self.further), headers.MESSAGE_ID: self.message_id}
        if self.kind is not None:
            fields[headers.KIND] = self.kind
        return fields


@dataclass(frozen=True, slots=True)
class Ack:
    """JetStream's word that a message is stored. `duplicate`: it was before, and `number` is the first one's."""

    number: int
    duplicate: bool


@dataclass(frozen=True, slots=True)
class StreamState:
    """What a stream holds. Empty: `first` is the next number and `last` the one before it.

    `first_ms` is when the first message was stored, None where there is none or it was not asked for.
    """

    first: int
    last: int
    held_bytes: int = 0
    first_ms: int | None = None


def stored_message(message: Msg) -> Stored:
    """Return a message that came by Direct Get or as a live copy. Raises `KeyError`, `ValueError` for anything else."""
    fields = message.headers or {}
    return Stored(
        number=int(fields[headers.SEQUENCE]),
        subject=fields[headers.SUBJECT],
        posted_ms=posted_ms(fields[headers.TIMESTAMP]),
        payload=message.data,
        headers=fields,
    )
