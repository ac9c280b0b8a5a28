"""The loss audit: what was acknowledged, so that those who must have it can compare. Pure.

A writer reports every few seconds, for each video, which numbers it has acknowledged, and a digest of what they stand
for. Whoever compares takes the same numbers out of what it has. The digest does not depend on the order in which
comments are added, so parts that have them in pieces, late or the other way round compare right.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import accumulate, pairwise
from typing import Any, Final
from zlib import crc32

import orjson

from wire.number import MAX_NUMBER

MAX_NUMBERS: Final = 30_000  # in one report, and in at most `MAX_VIDEOS`: its message stays below NATS's 1 MB
MAX_VIDEOS: Final = 3_000
REPORT_NAME_BYTES: Final = 16  # of what names a report
_MASK: Final = 2**64 - 1


def digest_of(number: int, payload: bytes) -> int:
    """Return 64 bits that stand for a number and what it was given to; they are added up, modulo 2^64."""
    mixed = (number * 0x9E3779B97F4A7C15 + crc32(payload) * 0xC2B2AE3D27D4EB4F) & _MASK
    mixed = (mixed ^ mixed >> 29) * 0xBF58476D1CE4E5B9 & _MASK
    return mixed ^ mixed >> 32


def add_up(digests: Iterable[int]) -> int:
    """Return the digest of all together."""
    return sum(digests) & _MASK


@dataclass(slots=True)
class Acknowledged:
    """The numbers of one video that were acknowledged. `digest` is None where not all is known of what they are."""

    numbers: list[int] = field(default_factory=list)
    digest: int | None = 0

    def add(self, number: int, payload: bytes | None) -> None:
        """Add a number; without the payload it is one that was stored before, perhaps with another text."""
        self.numbers.append(number)
        if payload is None or self.digest is None:
            self.digest = None
        else:
            self.digest = self.digest + digest_of(number, payload) & _MASK


def encode_report(videos: dict[str, Acknowledged]) -> bytes:
    """Return a report as it is said on `audit.S`: numbers as steps, which are small."""
    told = {}
    for video, acknowledged in videos.items():
        numbers = sorted(set(acknowledged.numbers))
        steps = [later - number for number, later in pairwise(numbers)]
        digest = acknowledged.digest if len(numbers) == len(acknowledged.numbers) else None
        # As text: orjson reads numbers up to 2^64 - 1, other readers lose the last digits.
        told[video] = [numbers[0], steps, None if digest is None else str(digest)]
    return orjson.dumps(told)


def decode_report(data: bytes) -> dict[str, Acknowledged]:
    """Return what was reported. Raises `ValueError`."""
    document: Any = orjson.loads(data)
    try:
        return {
            _video(video): Acknowledged(_numbers(first, steps), None if digest is None else int(digest))
            for video, (first, steps, digest) in document.items()
        }
    except (AttributeError, TypeError) as error:
        raise ValueError("not a report") from error


def report_id(data: bytes) -> bytes:
    """Return what tells a report, as it was said, from all others; as it is said on `audited.S`."""
    return blake2b(data, digest_size=REPORT_NAME_BYTES // 2).hexdigest().encode()


def _video(video: str) -> str:
    if not (video.isascii() and video.isprintable()):
        raise ValueError("not a video")  # a NUL, which Postgres cannot be asked about
    return video


def _numbers(first: int, steps: list[int]) -> list[int]:
    numbers = list(accumulate(steps, initial=first))
    # A fraction among them makes the last one a fraction, too.
    if type(numbers[-1]) is not int or not 0 < numbers[-1] <= MAX_NUMBER or any(step < 1 for step in steps):
        raise ValueError("not the numbers of comments")
    return numbers
