"""What goes to JetStream together, and how. Pure.

An atomic batch costs one round of fsyncs however many comments it holds, but four of them; single publishes, sent one
after the other without waiting, cost a cheap one each. They cross at 12 to 16 comments (measured, one server).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

MAX_BATCH: Final = 500  # comments in one go: JetStream takes 1,000, but the first of them wait for the last
ATOMIC_FROM: Final = 12  # comments; fewer go as singles

E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class Piece(Generic[E]):
    """Entries that go together, in their order: as one atomic batch, or as singles."""

    entries: Sequence[E]
    atomic: bool


def piece_of(entries: Sequence[E]) -> Piece[E]:
    """Return the cheaper way for so many entries."""
    return Piece(entries, atomic=len(entries) >= ATOMIC_FROM)


def split(entries: Sequence[E], maybe_stored: Sequence[bool]) -> list[Piece[E]]:
    """Return what to send in place of a batch that was refused as a whole, nothing of it stored.

    JetStream does not say which entry it knows already. Those that went out before and had no answer are the most
    likely ones, so they go as singles, which are answered with the first number. Without any the batch is halved, so
    that one repeat among n costs log n further rounds. Every piece is smaller than the batch or consists of singles,
    which are never refused as a whole: it ends.
    """
    suspects = [entry for entry, maybe in zip(entries, maybe_stored, strict=True) if maybe]
    others = [entry for entry, maybe in zip(entries, maybe_stored, strict=True) if not maybe]
    if suspects:
        return [Piece(suspects, atomic=False), *([piece_of(others)] if others else [])]
    middle = len(others) // 2
    return [piece_of(others[:middle]), piece_of(others[middle:])]
