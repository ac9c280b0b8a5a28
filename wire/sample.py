"""The sample of a hot video, as a writer publishes it on `sample.S.V`: bundles, one after the other. Pure.

A bundle stands for all messages of the video with `after` < number <= `upto`: those chosen to be shown, whole, and of
those left out the number and a mark of the author, so that an edge can fetch what its viewers see all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from zlib import crc32

import orjson

from wire.number import MAX_NUMBER
from wire.sampling import COUNTED

HOT: Final = 10  # times the readable rate: from there on a video has a sample of its own
SILENCE_S: Final = 0.75  # after so long without a bundle nobody publishes any more


def author_mark(user_id: str) -> int:
    """Return 32 bits that stand for an author. Two may have the same."""
    return crc32(user_id.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, slots=True)
class Chosen:
    """A message that everybody is shown. `kind` is None for a comment."""

    number: int
    kind: str | None
    posted_ms: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Bundle:
    """What came of a video between two numbers.

    `left_out` has number and author's mark of each comment that is not shown to all, `counted` what the sampler had
    counted at the end, `readable_rate` what it went by. `ends`: no further bundle comes.
    """

    publisher: str
    readable_rate: float
    after: int
    upto: int
    chosen: Sequence[Chosen]
    left_out: Sequence[tuple[int, int]]
    counted: Sequence[int]
    ends: bool = False

    def encode(self) -> bytes:
        """Return the bundle as it is said."""
        return orjson.dumps(
            {
                "publisher": self.publisher,
                "readableRate": self.readable_rate,
                "after": self.after,
                "upto": self.upto,
                "chosen": [
                    (one.number, one.kind, one.posted_ms, one.payload.decode("utf-8", "replace")) for one in self.chosen
                ],
                "leftOut": [number - self.after for number, _ in self.left_out],
                "authors": [mark for _, mark in self.left_out],
                "counted": list(self.counted),
                "ends": self.ends,
            }
        )


def decode_bundle(data: bytes) -> Bundle:
    """Return the bundle that was said. Raises `ValueError` for anything else."""
    said = orjson.loads(data)
    try:
        return _bundle(said)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError("not a bundle") from error


def _bundle(said: Any) -> Bundle:
    after, upto, counted = said["after"], said["upto"], said["counted"]
    chosen = [Chosen(number, kind, ms, payload.encode()) for number, kind, ms, payload in said["chosen"]]
    left_out = [(after + step, mark) for step, mark in zip(said["leftOut"], said["authors"], strict=True)]
    numbers = [one.number for one in chosen], [number for number, _ in left_out]
    if not 0 <= after <= upto <= MAX_NUMBER or any(_is_no_part(part, after, upto) for part in numbers):
        raise ValueError
    if len(counted) != COUNTED or not all(isinstance(count, int) for count in counted):
        raise ValueError
    return Bundle(said["publisher"], said["readableRate"], after, upto, chosen, left_out, counted, said["ends"])


def _is_no_part(numbers: list[int], after: int, upto: int) -> bool:
    """Return whether numbers are anything but rising, above `after`, and up to `upto`."""
    return any(low >= high for low, high in zip([after, *numbers], [*numbers, upto + 1], strict=True))
