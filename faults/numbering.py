"""Numbers and times: each number names one comment, and each comment has one time, whoever tells of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from faults.index import Index
from faults.keeping import words
from faults.ledger import Said
from faults.verdict import Check, Violation
from wire.video import shard_of

_NEVER: Final = 2**63


def check_numbers(index: Index) -> Iterator[Violation]:
    """Yield numbers that were given to two comments of a shard, and comments that were told with two times."""
    shards = index.ledger.shards
    known: dict[tuple[int, int], Said] = {}
    for said in sorted(index.ledger.said, key=lambda one: one.is_tombstone):  # stable: who tells words comes first
        first = known.setdefault((shard_of(said.video, shards), said.number), said)
        if first is said:
            continue
        is_one = said.is_tombstone and said.video == first.video
        if not is_one and (first.video, first.user, first.text) != (said.video, said.user, said.text):
            detail = f"is {words(first.text)} on {first.video}, and {words(said.text)}"
            yield Violation(Check.NUMBERS, said.video, detail, said.number)
        elif first.posted_ms != said.posted_ms:
            detail = f"was posted at {first.posted_ms} ms, and at {said.posted_ms} ms"
            yield Violation(Check.TIMES, said.video, detail, said.number)
    yield from _check_acknowledged_numbers(index, known)
    yield from _check_numbers_of_removals(index, known)


def check_real_time(index: Index) -> Iterator[Violation]:
    """Yield comments that come before one that had been acknowledged before they were sent."""
    by_video: dict[str, list[tuple[int, int, int]]] = {}
    for intent in index.intents:
        numbers = [one.number for one in intent.acknowledged if one.number is not None]
        ends = [one.ended_ns for one in intent.acknowledged if one.ended_ns is not None]
        if numbers and ends:
            began_ns = min(attempt.began_ns for attempt in intent.attempts)
            by_video.setdefault(intent.video, []).append((min(numbers), began_ns, min(ends)))
    for video, given in by_video.items():
        given.sort(reverse=True)
        earliest_end_ns, above = _NEVER, 0  # of the comments with higher numbers
        for number, began_ns, ended_ns in given:
            if began_ns > earliest_end_ns:
                yield Violation(Check.REAL_TIME, video, f"was sent after {above} had been acknowledged", number)
            if ended_ns < earliest_end_ns:
                earliest_end_ns, above = ended_ns, number


def _check_numbers_of_removals(index: Index, known: dict[tuple[int, int], Said]) -> Iterator[Violation]:
    for video, numbers in index.removals.items():
        for number in sorted(numbers):
            said = known.get((shard_of(video, index.ledger.shards), number))
            if said is not None:
                yield Violation(
                    Check.NUMBERS, video, f"was acknowledged for a removal, and is {words(said.text)}", number
                )


def _check_acknowledged_numbers(index: Index, known: dict[tuple[int, int], Said]) -> Iterator[Violation]:
    given: dict[tuple[int, int], object] = {}
    for intent in index.intents:
        shard = shard_of(intent.video, index.ledger.shards)
        for number in {attempt.number for attempt in intent.acknowledged if attempt.number is not None}:
            if given.setdefault((shard, number), intent) is not intent:
                yield Violation(Check.NUMBERS, intent.video, "was acknowledged for two comments", number)
            said = known.get((shard, number))
            if said is not None and not said.is_tombstone and index.intent_of(said) is not intent:
                detail = f"was acknowledged for {words(intent.attempts[0].text)}, and is {words(said.text)}"
                yield Violation(Check.NUMBERS, intent.video, detail, number)
