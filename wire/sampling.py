"""Which comments are shown when more come than anybody can read.

Whether a comment is shown is a pure function of its number and of the video's rate over the seconds before it, taken
from the times at which messages were stored: so every edge and every viewer sees the same ones, live and in a replay.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from wire.comment import ordinary_author

BUCKET_MS: Final = 250
COUNTED: Final = 10  # numbers that say what a sampler has counted
BUCKETS: Final = 8  # the seconds before: 2 s, of which the newest second counts alone as well
_BUCKETS_PER_S: Final = 1000 // BUCKET_MS
_WINDOW_S: Final = BUCKETS * BUCKET_MS / 1000
_BITS: Final = 32
# 2^64 over the golden ratio: multiples of it spread evenly (Knuth, TAOCP 6.4), so a share of numbers is that share.
_SPREAD: Final = 0x9E3779B97F4A7C15


def window_begin_ms(posted_ms: int) -> int:
    """Return since when what was stored counts for a message that was stored at `posted_ms`."""
    return (posted_ms // BUCKET_MS - BUCKETS) * BUCKET_MS


class Sampler:
    """Follows one video, message by message in order, and says of each whether it is among those shown.

    `rate` is how many a second there are, as of the newest one. Messages of every kind count, so that a comment that is
    deleted afterwards changes nothing about which others are shown.
    """

    __slots__ = ("_bucket", "_counts", "_current", "rate", "readable_rate")

    def __init__(self, readable_rate: float) -> None:
        """`readable_rate` is in comments a second, above 0."""
        self.readable_rate = readable_rate
        self.rate: float
        self._bucket: int  # the bucket that is being counted
        self._current: int  # messages in it so far
        self._counts: list[int]  # of the buckets before it, the newest last
        self.forget()

    def hidden_author(self, number: int, kind: str | None, posted_ms: int, payload: bytes) -> str | None:
        """Count a message, and return its author when it is left out of the sample; None when it is shown to all."""
        shown = self.shows(number, posted_ms)
        return None if shown or kind is not None else ordinary_author(payload)

    def shows(self, number: int, posted_ms: int) -> bool:
        """Count a comment, and return whether it is shown whoever wrote it."""
        self.count(posted_ms)
        return self.rate <= self.readable_rate or _place(number) * self.rate < self.readable_rate

    def count(self, posted_ms: int) -> None:
        """Count a message without asking whether it is shown."""
        bucket = posted_ms // BUCKET_MS
        if bucket > self._bucket:
            passed = min(bucket - self._bucket, BUCKETS + 1)  # after that many, nothing of before is left
            self._counts = [*self._counts, self._current, *[0] * (passed - 1)][-BUCKETS:]
            self._bucket, self._current = bucket, 0
        self._current += 1
        # The bucket that is being counted tells of a burst at once; it alone is at least that many a second.
        self.rate = max(sum(self._counts[-_BUCKETS_PER_S:]), sum(self._counts) / _WINDOW_S, self._current)

    def forget(self) -> None:
        """Begin anew, as if nothing had ever come."""
        self.rate, self._bucket, self._current, self._counts = 0.0, 0, 0, [0] * BUCKETS

    @property
    def counted(self) -> list[int]:
        """What it has counted, so that another one can go on in its place."""
        return [self._bucket, self._current, *self._counts]

    def go_on_from(self, counted: Sequence[int]) -> None:
        """Go on where another one stands."""
        self._bucket, self._current, *self._counts = counted


def _place(number: int) -> float:
    """Return where a number falls between 0 and 1."""
    return ((number * _SPREAD) >> _BITS & (1 << _BITS) - 1) / (1 << _BITS)
