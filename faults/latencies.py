"""How long posting and delivery took over the run, and how long each fault was felt. Pure."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from faults.index import Index
from faults.ledger import HUNG_UP, Closed, Connect, Fate, Fired, Ledger, Life, Told

S_TO_NS: Final = 1_000_000_000
DISTURBED_S: Final = 1.0  # a comment that takes longer, or is never acknowledged, has felt a fault
FELT_AT_MOST_S: Final = 60.0  # what comes later is not that fault's doing


@dataclass(frozen=True, slots=True)
class Second:
    """One second of the run, by when comments were begun. Latencies are in seconds."""

    at_s: int
    count: int
    p50_s: float
    p99_s: float
    max_s: float


@dataclass(frozen=True, slots=True)
class Recovery:
    """How long faults of a kind were felt on one target: in the median and at worst, in seconds."""

    kind: str
    target: str
    count: int
    posting_s: tuple[float, float]
    delivery_s: tuple[float, float]
    noticed_s: float | None


@dataclass(frozen=True, slots=True)
class Timings:
    """All that is told of times."""

    posting: Sequence[Second]
    delivery: Sequence[Second]
    unanswered: dict[int, int]  # comments never acknowledged, by second
    recoveries: Sequence[Recovery]
    back_s: Sequence[float]  # how long it took viewers to be back after a cut, sorted


def measure(ledger: Ledger) -> Timings:
    """Return the times of a run."""
    index = Index(ledger)
    posting: list[tuple[int, float]] = []
    unanswered: list[int] = []
    begun: dict[tuple[str, str, str], int] = {}
    for intent in index.intents:
        began_ns = min(attempt.began_ns for attempt in intent.attempts)
        for attempt in intent.attempts:
            begun[attempt.video, attempt.user, attempt.text] = began_ns
        ends = [attempt.ended_ns for attempt in intent.acknowledged if attempt.ended_ns is not None]
        if ends:
            posting.append((began_ns, (min(ends) - began_ns) / S_TO_NS))
        elif intent.fate is Fate.UNKNOWN and any(attempt.code != HUNG_UP for attempt in intent.attempts):
            unanswered.append(began_ns)
    began_of = [begun.get((said.video, said.user, said.text)) for said in ledger.said]
    delivery = [
        (began_ns, (shown_ns - began_ns) / S_TO_NS)
        for life in ledger.lives
        for place, shown_ns in _live(life)
        for began_ns in (began_of[place],)
        if began_ns is not None
    ]
    return Timings(
        posting=_by_second(ledger, posting),
        delivery=_by_second(ledger, delivery),
        unanswered=_count_by_second(ledger, unanswered),
        recoveries=_recoveries(
            ledger,
            sorted([began_ns for began_ns, took_s in posting if took_s > DISTURBED_S] + unanswered),
            sorted(began_ns for began_ns, took_s in delivery if took_s > DISTURBED_S),
        ),
        back_s=sorted(back_s for life in ledger.lives for back_s in _backs(life)),
    )


def _live(life: Life) -> Iterator[tuple[int, int]]:
    """Yield what was shown live, and when: a replay is as late as its viewer was away."""
    live, shown = False, 0
    for place, step in [*life.steps, (len(life.shown), None)]:
        if live:
            yield from zip(life.shown[shown:place], life.shown_ns[shown:place], strict=True)
        shown = place
        if isinstance(step, Connect):
            live = False
        elif isinstance(step, Told) and step.event == "sync":
            live = True


def _backs(life: Life) -> Iterator[float]:
    """Yield how long it took a viewer to be live again each time that its stream was lost.

    One that then leaves of its own will before it is live stays away for as long as it likes.
    """
    lost_ns: int | None = None
    for _, step in life.steps:
        if isinstance(step, Closed):
            if step.reason == "own will":
                lost_ns = None
            elif lost_ns is None:
                lost_ns = step.at_ns
        elif isinstance(step, Told) and step.event == "sync":
            if lost_ns is not None:
                yield (step.at_ns - lost_ns) / S_TO_NS
            lost_ns = None


def _by_second(ledger: Ledger, timed: Sequence[tuple[int, float]]) -> list[Second]:
    seconds: dict[int, array[float]] = defaultdict(lambda: array("d"))
    for began_ns, took_s in timed:
        seconds[(began_ns - ledger.began_ns) // S_TO_NS].append(took_s)
    return [
        Second(at_s, len(took), took[len(took) // 2], took[len(took) * 99 // 100], took[-1])
        for at_s, took in ((at_s, sorted(took)) for at_s, took in sorted(seconds.items()))
    ]


def _count_by_second(ledger: Ledger, begun: Sequence[int]) -> dict[int, int]:
    seconds: dict[int, int] = defaultdict(int)
    for began_ns in begun:
        seconds[(began_ns - ledger.began_ns) // S_TO_NS] += 1
    return dict(seconds)


def _recoveries(ledger: Ledger, posting: Sequence[int], delivery: Sequence[int]) -> list[Recovery]:
    by_target: dict[tuple[str, str], list[tuple[Fired, float, float]]] = defaultdict(list)
    faults = sorted((fault for fault in ledger.faults if fault.fired), key=lambda fault: fault.began_ns)
    for place, fault in enumerate(faults):
        following = [other.began_ns for other in faults[place + 1 :] if other.began_ns > fault.ended_ns]
        until_ns = min([fault.ended_ns + int(FELT_AT_MOST_S * S_TO_NS), *following[:1]])
        felt = _felt(fault, posting, until_ns), _felt(fault, delivery, until_ns)
        by_target[fault.kind, fault.target].append((fault, *felt))
    recoveries = []
    for (kind, target), times in sorted(by_target.items()):
        posts, deliveries = [one[1] for one in times], [one[2] for one in times]
        noticed = [one[0].noticed_s for one in times if one[0].noticed_s is not None]
        recoveries.append(
            Recovery(
                kind,
                target,
                len(times),
                (median(posts), max(posts)),
                (median(deliveries), max(deliveries)),
                max(noticed, default=None),
            )
        )
    return recoveries


def _felt(fault: Fired, disturbed: Sequence[int], until_ns: int) -> float:
    """Return for how long after a fault was over comments still felt it; 0 where none did, or only while it lasted."""
    last_ns = max((began_ns for began_ns in disturbed if fault.began_ns <= began_ns < until_ns), default=fault.ended_ns)
    return max(0.0, (last_ns - fault.ended_ns) / S_TO_NS)
