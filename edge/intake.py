"""What to do with one live copy. Pure: the feed does it.

JetStream republishes a stored message at most once. Each copy carries its number and the number before it on its
subject, so a lost copy shows when the next one comes: as a predecessor above the newest number seen.
"""

from __future__ import annotations

from enum import Enum

from wire.comment import is_comment


class Verdict(Enum):
    """What is to be done with a live copy."""

    APPEND = "append"  # it is the next one
    DROP = "drop"  # it is known already
    FILL = "fill"  # what lies between the newest and this one must be fetched first


def judge(newest: int, number: int, previous: int, *, vouched: bool = False) -> Verdict:
    """Return what to do with the copy `number`, whose predecessor on its subject is `previous` (0: none in the stream).

    A predecessor below the newest is no gap: after a deletion the header goes back. One of 0 while numbers are known
    here says that the stream no longer holds them (trimmed, lifted or replaced), so nothing vouches for what lies
    between: it counts as a gap. Unless it is `vouched` for that nothing was stored after the newest a moment ago: then
    the stream holds none before it because all of them were trimmed.
    """
    if number <= newest:
        return Verdict.DROP
    if previous > newest or (previous == 0 and 0 < newest < number - 1 and not vouched):
        return Verdict.FILL
    return Verdict.APPEND


def given_again(posted_ms: int, held: bytes | None, newest_ms: int) -> bool:
    """Return whether a copy at or below the newest number, posted at `posted_ms`, is another message than had it.

    `held` is the frame that the ring holds under the number, None where it holds none; `newest_ms` the time of the
    newest message. What is dropped otherwise is known already, and has the time that it had.
    """
    if held is None:
        return posted_ms > newest_ms > 0
    # In the place of what could not be had stands an event that says so: there is nothing to compare with.
    return is_comment(held) and not held.endswith(b'"timestamp":%d}\n\n' % posted_ms)
