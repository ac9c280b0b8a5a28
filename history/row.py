"""A row that was read from Postgres."""

from __future__ import annotations

from typing import Any, Protocol


class Row(Protocol):
    """Its columns by name: an `asyncpg.Record`, or a `dict`."""

    def __getitem__(self, column: str, /) -> Any: ...
