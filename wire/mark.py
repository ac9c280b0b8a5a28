"""How far a shard's numbers go, as parts tell each other: the highest one known, and that a stream was found short."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from wire.number import MAX_NUMBER

_MAX_DIGITS: Final = len(str(MAX_NUMBER))


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody found a shard's stream short, though `known` had been given.

    `again` is a number that the stream then gave a second time, and was refused; 0 where it came to none. Without it,
    and unless it is `certain`, the stream has only been seen to end below `known`: whoever is to do something about it
    looks for himself, since a replica that lags, or a new leader, may have shown less than there is.
    """

    known: int
    again: int = 0
    certain: bool = False

    def merged(self, other: Claim) -> Claim:
        """Return what both say together."""
        again = min((one.again for one in (self, other) if one.again), default=0)
        return Claim(max(self.known, other.known), again, self.certain or other.certain)

    def encode(self) -> bytes:
        """Return it as it is said on `short.S`."""
        return b"%d %d %d" % (self.known, self.again, self.certain)

    @classmethod
    def decode(cls, data: bytes) -> Claim:
        """Return what was said. Raises `ValueError`."""
        known, again, certain = data.split(b" ")
        return cls(decode_number(known), decode_number(again), bool(decode_number(certain)))


def decode_number(data: bytes) -> int:
    """Return the number that a message consists of. Raises `ValueError` when it is none, or too large."""
    if not data.isdigit() or len(data) > _MAX_DIGITS or int(data) > MAX_NUMBER:
        raise ValueError("not a number")
    return int(data)
