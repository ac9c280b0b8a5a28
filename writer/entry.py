"""A comment on its way into its shard's stream, and what became of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from runtime.jetstream import Outgoing


@dataclass(frozen=True, slots=True)
class Kept:
    """The comment is stored under `number`. `archived` becomes true once it is in Postgres too, false after a while."""

    number: int
    archived: asyncio.Future[bool]


@dataclass(frozen=True, slots=True)
class NotKept:
    """The comment is not stored, or not known to be. `code` is the problem that its client is told."""

    code: str


Outcome = Kept | NotKept


@dataclass(slots=True, eq=False)
class Entry:
    """A comment that waits for JetStream's word. Times are the event loop's, in seconds.

    `keyed`: it came with an Idempotency-Key. `held`: it waits while JetStream is away, which one that came while
    JetStream is only being tried again does not. `known_before` is the highest number known for the shard when it was
    sent last, `known_at_first` when it was sent first; None before that. `maybe_stored`: it was sent and had no answer.
    `stored_as`: the message id under which it is stored, where that is not its own any more (see `asking_history.py`).
    """

    message: Outgoing
    keyed: bool
    held: bool
    came_s: float
    deadline_s: float
    outcome: asyncio.Future[Outcome]
    known_before: int | None = None
    known_at_first: int | None = None
    maybe_stored: bool = False
    stored_as: str | None = None

    def outgoing(self) -> Outgoing:
        """Return it as it goes to JetStream."""
        return self.message if self.stored_as is None else replace(self.message, message_id=self.stored_as)
