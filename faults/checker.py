"""The checker: a ledger in, a verdict out. Pure, and one pass over what was shown.

It thinks as Jepsen's set and queue checkers do (what was acknowledged must be there, what is there must have been
attempted, what is unknown may be there once), and as Elle does where there is an order: the numbers are the order, so
every observer's view must be a part of it, and it must agree with real time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from statistics import median
from typing import Final

from faults.following import follow
from faults.index import Index
from faults.keeping import check_keeping, check_pages_meet
from faults.ledger import Fate, Fired, Ledger
from faults.numbering import check_numbers, check_real_time
from faults.paging import check_pages
from faults.removing import check_removals
from faults.schedule import Kind
from faults.verdict import Check, Figures, Verdict, Violation

NOTICED_WITHIN_S: Final = 10.0
S_TO_NS: Final = 1_000_000_000


def check(ledger: Ledger, replica_lag_s: float = 0.0) -> Verdict:
    """Return the verdict on a run. Raises `index.AmbiguousError` for a ledger that cannot be judged.

    `replica_lag_s`: where history reads a replica, how far that may be behind; on the primary a 201 is there at once.
    """
    index = Index(ledger)
    violations = [
        *check_keeping(index),
        *check_pages_meet(index),
        *check_numbers(index),
        *check_real_time(index),
        *check_pages(index, int(replica_lag_s * S_TO_NS)),
        *check_removals(index),
        *_check_noticed(ledger),
        *(Violation(Check.RECOVERED, "", trouble) for trouble in ledger.trouble),
    ]
    followed = [follow(index, life) for life in ledger.lives]
    for one in followed:
        violations += one.violations
    fates = [intent.fate for intent in index.intents]
    figures = Figures(
        attempts=len(ledger.attempts),
        acknowledged=fates.count(Fate.ACKNOWLEDGED),
        begun_per_s=_begun_per_s(index),
        refused=fates.count(Fate.REFUSED),
        unknown=fates.count(Fate.UNKNOWN),
        unknown_kept=sum(
            intent.fate is Fate.UNKNOWN and bool(intent.kept or intent.removed) for intent in index.intents
        ),
        kept=sum(map(len, index.kept.values())),
        removals=sum(map(len, index.removals.values())),
        tombstones=sum(len(kept) - len(index.texts[video]) for video, kept in index.kept.items()),
        viewers=len(ledger.lives),
        followed_to_the_end=sum(life.to_the_end for life in ledger.lives),
        reconnects=sum(one.reconnects for one in followed),
        owed=sum(one.owed for one in followed),
        told_missing=sum(one.told_missing for one in followed),
        pages=len(ledger.pages),
        faults=sum(fault.fired for fault in ledger.faults),
    )
    return Verdict(figures, violations, list(_void(ledger, figures)))


def _begun_per_s(index: Index) -> int:
    """Return how many comments were begun in the median second, those included in which there was none."""
    seconds = Counter(min(one.began_ns for one in intent.attempts) // S_TO_NS for intent in index.intents)
    whole = range(min(seconds) + 1, max(seconds)) if seconds else range(0)
    return int(median(seconds[second] for second in whole)) if whole else 0


def _check_noticed(ledger: Ledger) -> Iterator[Violation]:
    stops = [fault for fault in ledger.faults if fault.fired and fault.kind == Kind.STOP.value]
    for fault in ledger.faults:
        # Who is stopped notices nothing; a link is named after who dials, first.
        if any(fault.target.startswith(f"{one.target}-") and _overlap(fault, one) for one in stops):
            continue
        if fault.fired and fault.must_notice and (fault.noticed_s is None or fault.noticed_s > NOTICED_WITHIN_S):
            noticed = "not at all" if fault.noticed_s is None else f"after {fault.noticed_s:.1f} s"
            yield Violation(Check.NOTICED, "", f"{fault.kind} {fault.target} {fault.detail}: noticed {noticed}")


def _overlap(fault: Fired, other: Fired) -> bool:
    return fault.began_ns < other.ended_ns and other.began_ns < fault.ended_ns


def _void(ledger: Ledger, figures: Figures) -> Iterator[str]:
    """Yield the reasons for which a run proves nothing."""
    needs = ledger.needs
    for name, there, needed in (
        ("faults fired", figures.faults, needs.faults),
        ("comments acknowledged", figures.acknowledged, needs.acknowledged),
        ("reconnects", figures.reconnects, needs.reconnects),
        ("comments begun in the median second", figures.begun_per_s, needs.begun_per_s),
        ("comments and users removed", figures.removals, needs.removals),
        ("viewers that followed to the end", figures.followed_to_the_end, needs.followed_to_the_end),
    ):
        if there < needed:
            yield f"{name}: {there}, and {needed} are needed"
    if figures.told_missing > needs.told_missing_share * figures.owed:
        yield f"of {figures.owed} comments owed to viewers, {figures.told_missing} were told missing"
