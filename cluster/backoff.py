"""How long to wait before a part is started again."""

from __future__ import annotations

from typing import Final

FIRST_WAIT_S: Final = 0.1  # whoever dies once is back within a second or two, its own start included
MAX_WAIT_S: Final = 5.0
STEADY_AFTER_S: Final = 20.0  # a part that ran this long starts with the first wait again


class Backoff:
    """Waits that double from one quick end of a part to the next."""

    def __init__(self) -> None:
        self._next_s = FIRST_WAIT_S

    def wait_s(self, lived_s: float) -> float:
        """Return how long to wait after a part that has lived for `lived_s`."""
        if lived_s >= STEADY_AFTER_S:
            self._next_s = FIRST_WAIT_S
        wait = self._next_s
        self._next_s = min(2 * wait, MAX_WAIT_S)
        return wait
