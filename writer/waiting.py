"""The comments of one shard that wait for JetStream's word, and for how long they may."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from runtime.jetstream import Outgoing
from writer.entry import Entry, NotKept, Outcome
from writer.metrics import NOT_STORED

MAX_WAITING: Final = 4_096  # comments of one shard; more are refused at once


class Waiting:
    """The entries without an outcome, by message id, oldest first. Each has one after `hold_s` seconds at the latest.

    `time_over` is called after entries were refused because their time was over.
    """

    def __init__(self, hold_s: float, time_over: Callable[[], None]) -> None:
        self._hold_s = hold_s
        self._time_over = time_over
        self._loop = asyncio.get_running_loop()
        self._entries: dict[str, Entry] = {}
        self._oldest_due: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._entries)

    @property
    def full(self) -> bool:
        """Return whether no more may wait."""
        return len(self._entries) >= MAX_WAITING

    def get(self, message_id: str) -> Entry | None:
        """Return the entry that waits under a message id."""
        return self._entries.get(message_id)

    def add(self, message: Outgoing, *, keyed: bool, held: bool) -> Entry:
        """Return a new entry that waits from now on."""
        now_s = self._loop.time()
        entry = Entry(message, keyed, held, now_s, now_s + self._hold_s, self._loop.create_future())
        self._entries[message.message_id] = entry
        if self._oldest_due is None:
            self._oldest_due = self._loop.call_at(entry.deadline_s, self._expire)
        return entry

    def resolve(self, entry: Entry, outcome: Outcome) -> None:
        """Tell those who wait for an entry what became of it, unless they were told that its time was over."""
        if not entry.outcome.done():
            entry.outcome.set_result(outcome)
            if self._entries.get(entry.message.message_id) is entry:
                del self._entries[entry.message.message_id]

    def refuse(self, entries: Iterable[Entry], code: str) -> None:
        """Tell those who wait for these entries that they are not stored, or not known to be."""
        for entry in entries:
            if not entry.outcome.done():
                NOT_STORED.labels(code).inc()
                self.resolve(entry, NotKept(code))

    def refuse_all(self, code: str) -> None:
        """Tell everybody."""
        self.refuse(list(self._entries.values()), code)

    async def empty(self) -> None:
        """Return once nothing that waits now waits any more."""
        if self._entries:
            await asyncio.wait([entry.outcome for entry in self._entries.values()])

    def _expire(self) -> None:
        """Refuse what is over its time. Called when the entry that was the oldest is, whether it still waits or not."""
        now_s = self._loop.time()
        due = []
        for entry in self._entries.values():
            if entry.deadline_s > now_s:
                break
            due.append(entry)
        self.refuse(due, "not_stored")
        oldest = next(iter(self._entries.values()), None)
        self._oldest_due = self._loop.call_at(oldest.deadline_s, self._expire) if oldest is not None else None
        if due:
            self._time_over()
