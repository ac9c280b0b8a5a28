"""The same text again, by the same user on the same video. Texts that read the same are the same (`wire.text`)."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import blake2b
from typing import Final

from wire.text import compared
from writer.rates import S_TO_NS

MAX_TEXTS: Final = 100_000  # remembered at once; beyond that the oldest is forgotten
_DIGEST_BYTES: Final = 16


class SameMessages:
    """Remembers who said what for `window_s` seconds; 0 remembers nothing.

    A text is remembered together with the message id of its comment, so that the repeat of a POST whose answer was
    lost or said "repeat" is never taken for the same message said twice.
    """

    def __init__(self, window_s: float, max_texts: int = MAX_TEXTS) -> None:
        self._window_ns = round(window_s * S_TO_NS)
        self._max_texts = max_texts
        self._said: OrderedDict[bytes, tuple[str, int]] = OrderedDict()  # oldest first: all live equally long

    def __len__(self) -> int:
        """Return how many texts are remembered."""
        return len(self._said)

    def wait_ns(self, video: str, user_id: str, text: str, message_id: str, now_ns: int) -> int:
        """Return how long until the text may be said again; 0 when it may be said now."""
        if not self._window_ns:
            return 0
        said = self._said.get(_digest(video, user_id, text))
        if said is None or said[0] == message_id:
            return 0
        return max(0, said[1] - now_ns)

    def say(self, video: str, user_id: str, text: str, message_id: str, now_ns: int) -> None:
        """Remember a text that `wait_ns` allowed."""
        if not self._window_ns:
            return
        digest = _digest(video, user_id, text)
        self._said.pop(digest, None)
        self._said[digest] = (message_id, now_ns + self._window_ns)
        while self._said:
            oldest = next(iter(self._said))
            if self._said[oldest][1] > now_ns and len(self._said) <= self._max_texts:
                return
            del self._said[oldest]

    def unsay(self, video: str, user_id: str, text: str, message_id: str) -> None:
        """Forget a text whose comment was not stored: its author may say it again at once."""
        if not self._window_ns:
            return
        digest = _digest(video, user_id, text)
        said = self._said.get(digest)
        if said is not None and said[0] == message_id:
            del self._said[digest]


def _digest(video: str, user_id: str, text: str) -> bytes:
    # A video id holds no line break and a user id no control character, so the three never run together.
    return blake2b(f"{video}\n{user_id}\n{compared(text)}".encode(), digest_size=_DIGEST_BYTES).digest()
