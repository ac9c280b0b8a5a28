"""When those whose streams end come back: each at another time, so that a crowd does not come back as one.

Bounds are in milliseconds, what `retry:` says.
"""

from __future__ import annotations

import random
from typing import Final

RETRY_MS: Final = (1_000, 3_000)  # when nothing else is known, and when this edge stops
FULL_RETRY_MS: Final = (5_000, 15_000)  # when there is no room, here or for this user
POLL_RETRY_MS: Final = (60_000, 120_000)  # when it is to poll: it looks now and then whether streams are given again
EXPIRED_RETRY_MS: Final = (1_000, 3_000)  # with the same token it will be refused, with a new one it is welcome
BANNED_RETRY_MS: Final = (1_000, 3_000)  # it comes back once, is refused, and stops

# What edges can take in, for each that sends viewers away: 1,700 handshakes a second and core were measured, and they
# have other work to do.
RETURNING_PER_S: Final = 1_000
LAST_RETURN_MS: Final = 30_000  # however many they are


def between(bounds_ms: tuple[int, int]) -> int:
    """Return a time within bounds, both of them included."""
    return random.randint(*bounds_ms)  # noqa: S311  spreads load, no secret


def spread(bounds_ms: tuple[int, int], viewers: int) -> tuple[int, int]:
    """Return bounds, wider if need be, in which so many who are sent away at once come back no faster than they may."""
    first_ms, last_ms = bounds_ms
    needed_ms = first_ms + viewers * 1000 // RETURNING_PER_S
    return first_ms, max(last_ms, min(needed_ms, LAST_RETURN_MS))
