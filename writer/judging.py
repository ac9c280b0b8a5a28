"""Whether a number that JetStream gave for a comment may be passed on. Pure.

A new number must be above all that were known when the comment was sent, or it was given before. JetStream's word that
it had a message id already names an older number, for a client's repeat; but not where the number should be new: the
comment went out before and had no answer, and nobody else can have stored it then.
"""

from __future__ import annotations

from enum import Enum, auto

from runtime.jetstream import Ack
from writer.entry import Entry


class Word(Enum):
    """What a number is worth."""

    GOOD = auto()
    GIVEN_BEFORE = auto()  # the stream was found short
    FROM_BEFORE_A_LIFT = auto()  # it may have been taken back since: history knows
    DOUBTFUL = auto()  # a client's repeat, or given before: history knows


def judge(entry: Entry, ack: Ack, floor: int) -> Word:
    """Return what the number of an entry that was sent is worth. Below `floor` none was given since the last lift."""
    if not ack.duplicate:
        return Word.GOOD if ack.number > (entry.known_before or 0) else Word.GIVEN_BEFORE
    if ack.number < floor:
        return Word.FROM_BEFORE_A_LIFT
    if not entry.maybe_stored or ack.number > (entry.known_at_first or 0):
        return Word.GOOD
    return Word.DOUBTFUL if entry.keyed else Word.GIVEN_BEFORE
