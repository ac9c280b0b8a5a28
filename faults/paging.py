"""Pages that were read while the run went on, held against what had been answered before and against the end."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator

from faults.index import Index
from faults.verdict import Check, Violation


def check_pages(index: Index, replica_lag_ns: int = 0) -> Iterator[Violation]:
    """Yield comments that a page should have held, and those that only a page has ever held.

    `replica_lag_ns`: how far what pages are read from may be behind.
    """
    archived = _archived(index)
    said = index.ledger.said
    for page in index.ledger.pages:
        numbers = {said[place].number for place in page.said}
        lowest = 0 if page.whole or not numbers else min(numbers)
        known = archived.get(page.video, [])
        for number, ended_ns in known[bisect_left(known, (lowest, 0)) : bisect_left(known, (page.cursor, 0))]:
            if ended_ns < page.began_ns - replica_lag_ns and number not in numbers:
                detail = "was answered 201, and was not in a page read after that"
                yield Violation(Check.READABLE, page.video, detail, number)
        kept = index.kept.get(page.video, {})
        for number in sorted(numbers - kept.keys()):
            yield Violation(Check.STABLE, page.video, "was in a page once, and is gone", number)


def _archived(index: Index) -> dict[str, list[tuple[int, int]]]:
    """Return, by video, the numbers that were answered 201, each with the time of the first such answer; they rise."""
    first: dict[str, dict[int, int]] = defaultdict(dict)
    for attempt in index.ledger.attempts:
        if attempt.status == 201 and attempt.number is not None and attempt.ended_ns is not None:
            answers = first[attempt.video]
            answers[attempt.number] = min(attempt.ended_ns, answers.get(attempt.number, attempt.ended_ns))
    return {video: sorted(answers.items()) for video, answers in first.items()}
