"""How long a client waits before it tries again."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

FIRST_WAIT_S: Final = 0.25
MAX_WAIT_S: Final = 15.0
JITTER: Final = 0.25  # up to this much more, so that those who were refused together do not come back together
MAX_RETRY_AFTER_S: Final = 300.0


@dataclass(slots=True)
class Backoff:
    """Waits that double from one failure to the next, from `first_s` to `MAX_WAIT_S`, and never below what was told."""

    first_s: float = FIRST_WAIT_S
    failures: int = 0

    def reset(self) -> None:
        """Forget the failures: something worked."""
        self.failures = 0

    def next_s(self, told_s: float | None = None) -> float:
        """Return the seconds to wait now. `told_s` is what the server asked for, if it asked."""
        wait_s: float = min(self.first_s * 2**self.failures, max(MAX_WAIT_S, self.first_s))
        self.failures = min(self.failures + 1, 16)
        if told_s is not None:
            wait_s = told_s
        return wait_s * (1 + random.uniform(0, JITTER))  # noqa: S311  not a secret


def retry_after_s(header: str | None) -> float | None:
    """Return what a `Retry-After` header asks for, None when it is missing or not a number of seconds."""
    if header is None or not header.isascii() or not header.isdigit():
        return None
    return min(float(header[:9]), MAX_RETRY_AFTER_S)
