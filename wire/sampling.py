"""Which comments are shown when more come than anybody can read.

Whether a comment is shown is a pure function of its number and of the video's rate over the seconds before it, taken
from the times at which comments were stored: so every edge and every viewer sees the same ones, live and in a replay.
"""

from __future__ import annotations

from typing import Final

BUCKET_MS: Final = 250
BUCKETS: Final = 8  # the seconds before: 2 s, of which the newest second counts alone as well
_BUCKETS_PER_S: Final = 1000 // BUCKET_MS
_WINDOW_S: Final = BUCKETS * BUCKET_MS / 1000
_BITS: Final = 32
# 2^64 over the golden ratio: multiples of it spread evenly (Knuth, TAOCP 6.4), so a share of numbers is that share.
_SPREAD: Final = 0x9E3779B97F4A7C15


class Sampler:
    """Follows one video, comment by comment in order, and says of each whether it is among those shown."""

    __slots__ = ("_bucket", "_counts", "_current", "_readable_rate")

    def __init__(self, readable_rate: float) -> None:
        """`readable_rate` is in comments a second, above 0."""
        self._readable_rate = readable_rate
        self._bucket = 0  # the bucket that is being counted
        self._current = 0  # comments in it so far
        self._counts = [0] * BUCKETS  # of the buckets before it, the newest last

    def shows(self, number: int, posted_ms: int) -> bool:
        """Count the comment, and return whether it is shown whoever wrote it."""
        bucket = posted_ms // BUCKET_MS
        if bucket > self._bucket:
            passed = min(bucket - self._bucket, BUCKETS + 1)  # after that many, nothing of before is left
            self._counts = [*self._counts, self._current, *[0] * (passed - 1)][-BUCKETS:]
            self._bucket, self._current = bucket, 0
        self._current += 1
        # The bucket that is being counted tells of a burst at once; it alone is at least that many a second.
        rate = max(sum(self._counts[-_BUCKETS_PER_S:]), sum(self._counts) / _WINDOW_S, self._current)
        return rate <= self._readable_rate or _place(number) * rate < self._readable_rate


def _place(number: int) -> float:
    """Return where a number falls between 0 and 1."""
    return ((number * _SPREAD) >> _BITS & (1 << _BITS) - 1) / (1 << _BITS)
