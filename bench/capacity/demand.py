"""What is asked for: viewers, videos, comments."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Demand:
    """A load at its peak. `rate`: comments a second on each video; the hottest one has its own, and its own viewers."""

    viewers: int
    videos: int
    rate: float
    hot_viewers: int
    hot_rate: float

    @property
    def comments_per_s(self) -> float:
        """Return the comments a second on all videos."""
        return self.rate * (self.videos - 1) + self.hot_rate

    @property
    def other_viewers(self) -> int:
        """Return the viewers of all videos but the hottest."""
        return self.viewers - self.hot_viewers

    @property
    def viewers_of_another(self) -> float:
        """Return the viewers of a video that is not the hottest, on average."""
        return self.other_viewers / (self.videos - 1) if self.videos > 1 else 0.0
