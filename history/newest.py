"""The newest page of a video while Postgres is away: out of JetStream, and what this process remembers.

JetStream keeps everything that is not in Postgres, and the last hour of what is. Below that, what was last read of the
video's newest page is remembered. A page that ends where both end says that there may be more.
"""

from __future__ import annotations

import contextlib
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from history.row import Row
from runtime.jetstream import BATCH_MAX, Reader, Stored
from wire.comment import decode_payload
from wire.control import BAN, DELETE, decode_control
from wire.video_state import NOTHING, VideoState, state_of

MAX_REMEMBERED: Final = 500  # videos; about 30 KB each at most
EMPTY_S: Final = 60.0
_GROWTH: Final = 8  # how much farther back each step looks


class NothingKnownError(Exception):
    """Neither JetStream nor this process has anything of the video."""


@dataclass(frozen=True, slots=True)
class NewestRows:
    """The newest comments of a video, newest first. `more`: there may be older ones."""

    rows: Sequence[Row]
    more: bool
    read_s: float = 0.0

    def is_fresh_and_empty(self) -> bool:
        """Whether there was nothing at all, so lately that nothing can have been archived and trimmed since."""
        return not self.rows and time.monotonic() - self.read_s < EMPTY_S


class Newest:
    """Remembers the newest rows of the videos that were read last, and reads above them what JetStream holds."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._remembered: OrderedDict[str, NewestRows] = OrderedDict()

    def remember(self, video: str, rows: Sequence[Row], limit: int) -> None:
        """Note the newest rows of a video as Postgres gave them: up to `limit`, and one more where there is more."""
        held = self._remembered.get(video)
        if held is None or len(rows) >= len(held.rows) or not rows:
            self._remembered[video] = NewestRows(rows[:limit], len(rows) > limit, time.monotonic())
        self._remembered.move_to_end(video)
        if len(self._remembered) > MAX_REMEMBERED:
            self._remembered.popitem(last=False)

    async def read(self, shard: int, video: str, limit: int) -> NewestRows:
        """Return up to `limit` of the newest comments. Raises `StoreError`, `NothingKnownError`."""
        messages = await self._newest_messages(shard, video, limit + 1)
        kept = self._remembered.get(video)
        rows: dict[int, dict[str, Any]] = {}
        is_known, more = bool(messages), True
        if kept is not None:
            # Between what is remembered and what the stream still holds nothing may be missing.
            first = (await self._reader.state(shard)).first
            newest = kept.rows[0]["comment_id"] if kept.rows else 0
            if newest + 1 >= first or (messages and messages[0].number <= newest) or kept.is_fresh_and_empty():
                is_known = True
                rows = {row["comment_id"]: {name: row[name] for name in _COLUMNS} for row in kept.rows}
                more = kept.more
        for message in messages:
            if message.kind is None and message.number not in rows:
                rows[message.number] = _row(message)
        removed = _removed_by(messages)
        for number, row in rows.items():
            row["deleted"] = row["deleted"] or removed.hides(number, row["user_id"])
        if not is_known or (more and not rows):
            raise NothingKnownError  # control messages alone say nothing of what may be below them
        numbers = sorted(rows, reverse=True)
        return NewestRows([rows[number] for number in numbers[:limit]], more or len(numbers) > limit)

    async def _newest_messages(self, shard: int, video: str, wanted: int) -> list[Stored]:
        """Return a video's messages in the stream, oldest first: all, or those with the newest `wanted` comments."""
        newest = await self._reader.newest(shard, video)
        if newest is None:
            return []
        first = (await self._reader.state(shard)).first
        span = wanted
        while True:
            begin = max(first - 1, newest - span)
            messages, further = await self._reader.after(shard, video, begin, BATCH_MAX)
            while further:  # more than one reply holds
                rest, further = await self._reader.after(shard, video, messages[-1].number, BATCH_MAX)
                messages = messages[-BATCH_MAX:] + rest
            if sum(message.kind is None for message in messages) >= wanted or begin < first:
                return messages
            span *= _GROWTH


_COLUMNS: Final = ("comment_id", "posted_ms", "deleted", "user_id", "message", "name", "role")


def _row(message: Stored) -> dict[str, Any]:
    comment = decode_payload(message.number, message.posted_ms, message.payload)
    values = (comment.number, comment.posted_ms, False, comment.user_id, comment.message, comment.name, comment.role)
    return dict(zip(_COLUMNS, values, strict=True))


def _removed_by(messages: Sequence[Stored]) -> VideoState:
    """Return what the control messages among some messages remove, one by one or all of a user's."""
    state = NOTHING
    for message in messages:
        if message.kind in (DELETE, BAN):
            with contextlib.suppress(ValueError):
                control = decode_control(message.number, message.posted_ms, message.kind, message.payload)
                state = state.merge(state_of(control))
    return state
