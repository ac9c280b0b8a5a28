"""In which blocks a page is looked for first. Pure.

Postgres plans a statement anew for every block that the numbers asked for may lie in, and a shard may have a hundred of
them. Most pages lie in the one block in which they begin, so that one is asked first, and the others only where it did
not have enough.
"""

from __future__ import annotations

from typing import Literal

from wire.number import BLOCK_BITS, MAX_NUMBER

Window = tuple[int, int]  # two numbers, both exclusive


def windows(after: int, before: int, sort: Literal["asc", "desc"], newest: int) -> list[Window]:
    """Return the ranges between two numbers (both exclusive) in the order in which they are to be read.

    Together they are what lies between `after` and `before`. `newest` is a number of the shard's newest block, as far
    as that is known, and 0 where it is not.
    """
    if sort == "asc":
        border = (((after + 1) >> BLOCK_BITS) + 1 << BLOCK_BITS) - 1
        if after > 0 and border < before - 1:
            return [(after, border + 1), (border, before)]
        return [(after, before)]
    begins_at = before - 1 if before <= MAX_NUMBER and (newest == 0 or before <= newest) else newest
    border = (begins_at >> BLOCK_BITS << BLOCK_BITS) - 1
    if begins_at > 0 and border > after:
        return [(border, before), (after, border + 1)]
    return [(after, before)]
