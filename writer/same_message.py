"""The same text again, by the same user on the same video. Texts that read the same are the same (`wire.text`)."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from wire.text import compared
from writer.rates import S_TO_NS, SWEEP_EVERY, SWEPT

MAX_TEXTS: Final = 100_000  # remembered at once; beyond that the oldest is forgotten


class SameMessages:
    """Remembers who said what for `window_s` seconds; 0 remembers nothing.

    A text is remembered together with the message id of its comment, so that the repeat of a POST whose answer was
    lost or said "repeat" is never taken for the same message said twice.

    What was said is remembered by its `key`, 64 bits that depend on a secret of this process (PEP 456): nobody can find
    two that share one, and among a hundred thousand two do by chance once in three thousand million times.
    """

    def __init__(self, window_s: float, max_texts: int = MAX_TEXTS) -> None:
        self._window_ns = round(window_s * S_TO_NS)
        self._max_texts = max_texts
        self._said: OrderedDict[int, tuple[str, int]] = OrderedDict()  # oldest first: all live equally long
        self._unswept = 0  # texts since old ones were looked for

    def __len__(self) -> int:
        """Return how many texts are remembered."""
        return len(self._said)

    def key(self, video: str, user_id: str, text: str) -> int | None:
        """Return what stands for a text of a user on a video; None where nothing is remembered."""
        return hash((video, user_id, compared(text))) if self._window_ns else None

    def wait_ns(self, key: int | None, message_id: str, now_ns: int) -> int:
        """Return how long until the text may be said again; 0 when it may be said now."""
        said = self._said.get(key) if key is not None else None
        if said is None or said[1] <= now_ns or said[0] == message_id:
            return 0
        return said[1] - now_ns

    def say(self, key: int | None, message_id: str, now_ns: int) -> None:
        """Remember a text that `wait_ns` allowed."""
        if key is None:
            return
        said = self._said
        said[key] = (message_id, now_ns + self._window_ns)
        said.move_to_end(key)
        self._unswept += 1
        if self._unswept >= SWEEP_EVERY or len(said) > self._max_texts:
            self._sweep(now_ns)

    def unsay(self, key: int | None, message_id: str) -> None:
        """Forget a text whose comment was not stored: its author may say it again at once."""
        if key is not None and key in self._said and self._said[key][0] == message_id:
            del self._said[key]

    def _sweep(self, now_ns: int) -> None:
        """Forget texts that may be said again, the oldest first; a few, for nobody is to wait for thousands."""
        self._unswept = 0
        said = self._said
        for _ in range(min(SWEPT, len(said))):
            oldest = next(iter(said))
            if said[oldest][1] > now_ns and len(said) <= self._max_texts:
                return
            del said[oldest]
