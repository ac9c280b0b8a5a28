"""Message ids that were stored lately, so that most repeats are answered without asking JetStream."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

MAX_KNOWN_KEYS: Final = 100_000  # of one writer; about 30 MB


class KnownKeys:
    """The numbers of the newest comments that came with an Idempotency-Key, for as long as a key lives.

    One that has been forgotten here is still known to JetStream: this only saves the way there.
    """

    def __init__(self, window_s: float, max_keys: int = MAX_KNOWN_KEYS) -> None:
        self._max_keys = max_keys
        self._window_s = window_s
        self._numbers: OrderedDict[str, tuple[int, float]] = OrderedDict()  # oldest first: all live equally long

    def __len__(self) -> int:
        """Return how many message ids are known."""
        return len(self._numbers)

    def get(self, message_id: str, now_s: float) -> int | None:
        """Return the number under which a message id was stored, None if it is not known (any more)."""
        known = self._numbers.get(message_id)
        return known[0] if known is not None and now_s < known[1] else None

    def add(self, message_id: str, number: int, now_s: float) -> None:
        """Remember the number of a message id that was stored just now. The first one stays."""
        if self.get(message_id, now_s) is not None:
            return
        self._numbers.pop(message_id, None)
        self._numbers[message_id] = (number, now_s + self._window_s)
        while self._numbers:
            oldest = next(iter(self._numbers))
            if now_s < self._numbers[oldest][1] and len(self._numbers) <= self._max_keys:
                return
            del self._numbers[oldest]
