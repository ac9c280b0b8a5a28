"""How far a shard's numbers go, as parts tell each other: the highest one known, and that a stream was found short."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from wire.number import MAX_NUMBER

_MAX_DIGITS: Final = len(str(MAX_NUMBER))


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody found a shard's stream short, though `known` had been given.

    `again` is a number that the stream then gave a second time, and was refused; 0 where it came to none.
    """

    known: int
    again: int = 0

    def encode(self) -> bytes:
        """Return it as it is said on `short.S`."""
        return b"%d %d" % (self.known, self.again)

    @classmethod
    def decode(cls, data: bytes) -> Claim:
        """Return what was said. Raises `ValueError`."""
        known, _, again = data.partition(b" ")
        return cls(decode_number(known), decode_number(again))


def decode_number(data: bytes) -> int:
    """Return the number that a message consists of. Raises `ValueError` when it is none, or too large."""
    if not data.isdigit() or len(data) > _MAX_DIGITS or int(data) > MAX_NUMBER:
        raise ValueError("not a number")
    return int(data)
