"""What history holds, held against what was attempted and what clients were told."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from faults.index import Index, Intent
from faults.ledger import ASCENDING, Fate, Reading
from faults.verdict import Check, Violation
from wire.video import shard_of

SHOWN_CHARACTERS: Final = 40  # of a text, in a violation


def check_keeping(index: Index) -> Iterator[Violation]:
    """Yield what is wrong with what history holds."""
    by_shard = _numbers_by_shard(index)
    for intent in index.intents:
        yield from _check_intent(index, intent, by_shard)
    for video, kept in index.kept.items():
        for number, said in kept.items():
            if not said.is_tombstone and index.intent_of(said) is None:
                yield Violation(Check.ATTEMPTED, video, f"nobody said {words(said.text)} there", number)


def check_pages_meet(index: Index) -> Iterator[Violation]:
    """Yield where the readings of a video's history are not one and the same order."""
    whole: dict[str, set[int]] = {}
    for reading in index.ledger.readings:
        numbers = [index.ledger.said[place].number for place in reading.said]
        yield from _check_rises(reading, numbers if reading.sort == ASCENDING else numbers[::-1])
        other = whole.setdefault(reading.video, set(numbers))
        for number in sorted(other.symmetric_difference(numbers)):
            yield Violation(Check.PAGES, reading.video, "is in one direction's pages only", number)


def words(text: str) -> str:
    """Return a text as it is named in a violation."""
    return repr(text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…")


def _check_intent(index: Index, intent: Intent, by_shard: dict[int, list[int]]) -> Iterator[Violation]:
    video, fate = intent.video, intent.fate
    what = words(intent.attempts[0].text)
    numbers = {attempt.number for attempt in intent.acknowledged if attempt.number is not None}
    removed = {said.number for said in intent.removed}
    for number in sorted(numbers - removed):
        if all(said.number != number for said in intent.kept):
            there = index.kept.get(video, {}).get(number)
            detail = f"{what} was acknowledged, and " + ("is missing" if there is None else "another comment is there")
            where = index.where(by_shard[shard_of(video, index.ledger.shards)], number)
            yield Violation(Check.KEPT, video, detail, number, where)
    if len(numbers - removed) > 1:
        given = ", ".join(map(str, sorted(numbers)))
        yield Violation(Check.KEY, video, f"{what} was acknowledged under several numbers: {given}", min(numbers))
    if len(intent.kept) > 1:
        check = Check.ONCE if fate is Fate.ACKNOWLEDGED else Check.UNKNOWN_ONCE
        yield Violation(check, video, f"{what} is there {len(intent.kept)} times", intent.kept[1].number)
    for said in [*intent.kept, *intent.removed][:1] if fate is Fate.REFUSED else ():
        yield Violation(Check.REFUSED, video, f"{what} was refused ({intent.attempts[0].code})", said.number)
    yield from _check_first_body(intent)


def _check_first_body(intent: Intent) -> Iterator[Violation]:
    """A body that was first sent after the comment had been acknowledged must not have taken its place."""
    ends = [attempt.ended_ns for attempt in intent.acknowledged if attempt.ended_ns is not None]
    if not ends:
        return
    first_end = min(ends)
    before = {attempt.text for attempt in intent.attempts if attempt.began_ns <= first_end}
    for said in intent.kept:
        if said.text not in before:
            yield Violation(Check.KEY, intent.video, f"a later body won: {words(said.text)}", said.number)


def _check_rises(reading: Reading, numbers: list[int]) -> Iterator[Violation]:
    for before, number in pairwise(numbers):
        if number == before:
            yield Violation(Check.PAGES, reading.video, f"is in two pages ({reading.sort})", number)
        elif number < before:
            yield Violation(
                Check.PAGES, reading.video, f"stands on the wrong side of {before} ({reading.sort})", number
            )


def _numbers_by_shard(index: Index) -> dict[int, list[int]]:
    shards: dict[int, list[int]] = defaultdict(list)
    for video, numbers in index.numbers.items():
        shards[shard_of(video, index.ledger.shards)] += numbers
    for numbers in shards.values():
        numbers.sort()
    return shards
