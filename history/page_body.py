"""A page: its JSON, its cursor, its ETag. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import orjson

from history.row import Row
from wire.comment import Comment


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it is sent. The ETag covers all of it: its comments, which of them are deleted, and its cursor."""

    body: bytes
    etag: str  # without its quotes


def page(rows: Sequence[Row], limit: int, *, more: bool = False) -> Page:
    """Return the page for what was read of the archive: up to `limit` rows, and one more where there is more.

    Or `more` says so.

    `nextCursor` is the last comment's id, and null when there is definitely nothing after it now.
    """
    shown = rows[:limit]
    next_cursor = str(shown[-1]["comment_id"]) if shown and (more or len(rows) > limit) else None
    body = orjson.dumps({"comments": [_item(row) for row in shown], "nextCursor": next_cursor})
    return Page(body, blake2b(body, digest_size=12).hexdigest())


def _item(row: Row) -> dict[str, Any]:
    if row["deleted"]:
        return {"id": str(row["comment_id"]), "timestamp": row["posted_ms"], "deleted": True}
    return Comment(row["comment_id"], row["user_id"], row["message"], row["posted_ms"], row["name"], row["role"]).item()
