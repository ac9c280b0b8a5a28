"""How long a channel rests between two writes. Pure: times come in as arguments, in seconds.

In a quiet room a comment leaves at once. In a busy one, comments that arrive while the channel rests share one write,
so the cost of a busy room is bounded by its rests and not by its comments. The rule, for a round of writing that took
so long:

| a round takes | the rest after it | a busy room's share of the event loop's time |
|---|---|---|
| up to 33 ms | three times as long | a quarter (`OWN_SHARE`) |
| up to 50 ms | 100 ms (`MAX_REST_S`) | up to a third |
| up to 100 ms | what is left of 150 ms (`MAX_CYCLE_S`), so that no comment waits longer | up to two thirds |
| up to 200 ms | half as long | two thirds (`MOST_SHARE`) |
| longer | 100 ms | more |

Rests are longer where all channels of the process together take more than half of the time (`SHARE`), and as long as is
needed for that, up to the same limits. So writing takes at most half of the loop's time, or two thirds where one room
has that many viewers, unless that needs a rest of more than 100 ms, which is what coalescing may add to a comment's
latency. There writing takes what it needs. In any case the loop is given back between slices of a room's viewers
(`channel.py`): a handshake, a heartbeat or NATS waits for one slice of each room that is due, some milliseconds of
each, and never for a round.
"""

from __future__ import annotations

from typing import Final

MAX_REST_S: Final = 0.1
MAX_CYCLE_S: Final = 0.15  # of a channel, from one round of writing to the next
OWN_SHARE: Final = 0.25  # of the loop's time may go into writing for one channel, so that comments share writes
SHARE: Final = 0.5  # for all channels together; the rest is for handshakes, heartbeats and NATS
MOST_SHARE: Final = 2 / 3  # of a channel whose rounds are so long that comments would wait longer than `MAX_CYCLE_S`
WINDOW_S: Final = 0.1  # over which the share of all channels together is measured
SHORTEST_REST_S: Final = 0.001
WIDEN: Final = 1.5
NARROW: Final = 0.7


class Pacer:
    """One for all channels of a process: it sees what writing costs altogether."""

    __slots__ = ("_busy_s", "_common_rest_s", "_since")

    def __init__(self) -> None:
        self._common_rest_s = 0.0
        self._busy_s = 0.0
        self._since = 0.0

    def wrote(self, now: float, cost_s: float) -> float:
        """Return how long a channel that has just written, at a cost of `cost_s`, rests before it writes again."""
        self._busy_s += cost_s
        elapsed = now - self._since
        if elapsed >= WINDOW_S:
            self._adjust(self._busy_s / elapsed, elapsed / WINDOW_S)
            self._busy_s = 0.0
            self._since = now
        own_rest_s = cost_s * (1 - OWN_SHARE) / OWN_SHARE
        least_s = cost_s * (1 - MOST_SHARE) / MOST_SHARE
        longest_s = min(MAX_REST_S, max(least_s, MAX_CYCLE_S - cost_s))
        return min(longest_s, max(own_rest_s, self._common_rest_s))

    def _adjust(self, share: float, windows: float) -> None:
        if share > SHARE:
            self._common_rest_s = min(MAX_REST_S, max(self._common_rest_s * WIDEN, SHORTEST_REST_S))
        elif share < SHARE / 2:
            narrowed = self._common_rest_s * NARROW**windows  # a quiet time counts for as long as it was
            self._common_rest_s = narrowed if narrowed >= SHORTEST_REST_S else 0.0
