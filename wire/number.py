"""The number of a comment.

JetStream gives each comment a number when it stores it (the stream sequence). The same number is the `commentId` of a
POST, the `id:` of an event, the cursor of history and the key in Postgres. Numbers stay below 2^53, so that JavaScript
can hold them, and travel as strings.
"""

from __future__ import annotations

import re

from wire.problem import Refused

MAX_NUMBER = 2**53 - 1
BLOCK_BITS = 22  # a block of the archive holds 2^22 numbers; `ensure_block` in migrations/ says the same

_DIGITS = re.compile(r"[0-9]{1,16}", re.ASCII)
_ALL_DIGITS = re.compile(r"[0-9]+", re.ASCII)


def parse_cursor(text: str) -> int:
    """Return the number that a client sent as a cursor of history.

    Raises `Refused` (`bad_cursor`) unless it is a decimal number from 0 to 2^53 - 1.
    """
    if _DIGITS.fullmatch(text) and int(text) <= MAX_NUMBER:
        return int(text)
    raise Refused("bad_cursor")


def parse_position(text: str) -> int | None:
    """Return the position that a viewer's `Last-Event-ID` names, or None for one that means nothing.

    A position is never refused: any status but 200 would stop a browser's EventSource for good (WHATWG HTML 9.2.3).
    One that is too large is clamped to the largest number there can be.
    """
    if not _ALL_DIGITS.fullmatch(text):
        return None
    # int() of thousands of digits costs quadratic time; nothing longer than 16 digits can be in range anyway.
    digits = text.lstrip("0") or "0"
    return min(int(digits), MAX_NUMBER) if len(digits) <= len(str(MAX_NUMBER)) else MAX_NUMBER
