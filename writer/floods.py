"""Floods: one who is refused again and again, and one text that everybody says at once.

The buckets of `rates` let somebody who never stops have his rate for ever, at the cost of a check each time. Whoever
keeps posting against refusals is a program: it is paused. And many accounts that say the same are one author: their
text, not they, has a rate.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from wire.text import compared
from writer.rates import S_TO_NS, Buckets

REFUSALS_WINDOW_S: Final = 60
MIN_SAME_CHARACTERS: Final = 20  # what is shorter is a cheer, and everybody's own
SAME_TEXT_BURST: Final = 5
MAX_PAUSED: Final = 100_000
MAX_REFUSED: Final = 100_000
MAX_TEXTS: Final = 100_000


class Floods:
    """Who is paused, and which texts are said too often. Times in nanoseconds, of a clock that only rises."""

    def __init__(self, refusals: int, pause_s: float, same_text_rate: float) -> None:
        """0 for `refusals` pauses nobody, 0 for `same_text_rate` (a second, on one video) limits no text."""
        self._refused = Buckets(refusals / REFUSALS_WINDOW_S, refusals, MAX_REFUSED)
        self._pause_ns = round(pause_s * S_TO_NS) if refusals else 0
        self._paused: OrderedDict[str, int] = OrderedDict()  # until when; oldest first: all are as long
        self._texts = Buckets(same_text_rate, SAME_TEXT_BURST, MAX_TEXTS)
        self._limits_texts = same_text_rate > 0

    def pause_ns(self, user_id: str, now_ns: int) -> int:
        """Return how long a user is paused yet; 0 when it is not."""
        until_ns = self._paused.get(user_id)
        return max(0, until_ns - now_ns) if until_ns is not None else 0

    def was_refused(self, user_id: str, now_ns: int) -> None:
        """Count that a user was refused by a limit; one refusal too many pauses it."""
        if not self._pause_ns:
            return
        if not self._refused.wait_ns(user_id, now_ns):
            self._refused.take(user_id, now_ns)
            return
        self._paused.pop(user_id, None)
        self._paused[user_id] = now_ns + self._pause_ns
        while len(self._paused) > MAX_PAUSED or self._paused[next(iter(self._paused))] <= now_ns:
            self._paused.popitem(last=False)

    def key(self, video: str, text: str) -> int | None:
        """Return what stands for a text on a video, as in `same_message`; None for one that has no rate."""
        if not self._limits_texts:
            return None
        read = compared(text)
        return hash((video, read)) if len(read) >= MIN_SAME_CHARACTERS else None

    def text_wait_ns(self, key: int | None, now_ns: int) -> int:
        """Return how long until a text may be said on a video, by whomever; 0 when it may be said now."""
        return self._texts.wait_ns(key, now_ns) if key is not None else 0

    def said(self, key: int | None, now_ns: int) -> None:
        """Count a text that was said."""
        if key is not None:
            self._texts.take(key, now_ns)
