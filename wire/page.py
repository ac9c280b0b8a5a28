"""A page of history: what may be asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from wire.number import MAX_NUMBER, parse_cursor
from wire.problem import Refused

DEFAULT_LIMIT = 50
MAX_LIMIT = 100

_LIMIT = re.compile(r"[0-9]{1,3}", re.ASCII)
_TIME_MS = re.compile(r"[0-9]{1,15}", re.ASCII)

Sort = Literal["desc", "asc"]


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page is wanted: from `cursor` (exclusive) or from the time `at_ms` on, `limit` comments, in which order."""

    cursor: int | None
    at_ms: int | None
    limit: int
    sort: Sort


def parse_page_request(cursor: str | None, at: str | None, limit: str | None, sort: str | None) -> PageRequest:
    """Return the page that a query asks for. Raises `Refused`: `bad_cursor`, `bad_time`, `bad_limit`, `bad_sort`."""
    number = parse_cursor(cursor) if cursor is not None else None
    if at is not None and (cursor is not None or not _TIME_MS.fullmatch(at) or int(at) > MAX_NUMBER):
        raise Refused("bad_time")
    if limit is not None and not (_LIMIT.fullmatch(limit) and 1 <= int(limit) <= MAX_LIMIT):
        raise Refused("bad_limit")
    order: Sort
    match sort:
        case None | "desc":
            order = "desc"
        case "asc":
            order = "asc"
        case _:
            raise Refused("bad_sort")
    return PageRequest(
        cursor=number,
        at_ms=int(at) if at is not None else None,
        limit=int(limit) if limit is not None else DEFAULT_LIMIT,
        sort=order,
    )
