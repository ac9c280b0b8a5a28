"""What was removed, and who was shut out, held against what history holds, what was shown, and what was still said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from faults.index import Index
from faults.keeping import words
from faults.ledger import BAN, DELETE, UNBAN, Attempt, Connect, Fate, Life, Ruling, Said
from faults.verdict import Check, Violation

S_TO_NS: Final = 1_000_000_000
HIDDEN_AFTER_NS: Final = 1 * S_TO_NS  # a removal is known everywhere, but for who cannot hear of it
SHUT_OUT_AFTER_NS: Final = 5 * S_TO_NS  # a ban is, also by a writer that noticed a moment ago that NATS is silent
# Who has heard nothing from NATS does not know what was removed meanwhile; for so long after a fault that may be so.
BLIND_AFTER_NS: Final = 5 * S_TO_NS
_DEAF: Final = ("nats", "edge", "history")  # what a fault is done to that keeps who shows comments from hearing of it


def check_removals(index: Index) -> Iterator[Violation]:
    """Yield what is there though it was removed, is gone though it was not, and was said by who was shut out."""
    rulings = _Rulings(index)
    yield from _check_removed(index, rulings)
    yield from _check_asked(index, rulings)
    yield from _check_hidden(index, rulings)
    yield from _check_banned(index, rulings)


class _Rulings:
    """What was asked for, by what it is about: a comment, or a user on a video."""

    def __init__(self, index: Index) -> None:
        self.deletes: dict[tuple[str, int], list[Ruling]] = defaultdict(list)
        self.bans: dict[tuple[str, str], list[Ruling]] = defaultdict(list)
        self.unbans: dict[tuple[str, str], list[Ruling]] = defaultdict(list)
        for ruling in index.ledger.rulings:
            if ruling.kind == DELETE and ruling.comment is not None:
                self.deletes[ruling.video, ruling.comment].append(ruling)
            elif ruling.kind in (BAN, UNBAN):
                (self.bans if ruling.kind == BAN else self.unbans)[ruling.video, ruling.user].append(ruling)

    def covering(self, video: str, number: int, user: str | None) -> list[Ruling]:
        """Return what may have removed a comment; `user` None: whose it was is not known."""
        users = [user] if user is not None else [name for where, name in self.bans if where == video]
        bans = [ban for name in users for ban in self.bans.get((video, name), ())]
        return [
            *(one for one in self.deletes.get((video, number), ()) if one.fate is not Fate.REFUSED),
            *(one for one in bans if one.fate is not Fate.REFUSED and (one.number is None or number < one.number)),
        ]


def _check_removed(index: Index, rulings: _Rulings) -> Iterator[Violation]:
    """Yield comments that history still shows, and those that could not be removed."""
    for place in sorted(index.kept_places):
        said = index.ledger.said[place]
        if not said.is_tombstone and _answered_ns(rulings.covering(said.video, said.number, said.user)) is not None:
            yield Violation(Check.REMOVED, said.video, f"{words(said.text)} was removed, and is there", said.number)
    acknowledged = {(one.video, one.number) for one in index.ledger.attempts if one.fate is Fate.ACKNOWLEDGED}
    for (video, number), deletes in rulings.deletes.items():
        if (video, number) in acknowledged and any(one.code == "no_comment" for one in deletes):
            yield Violation(Check.REMOVED, video, "was acknowledged, and cannot be removed: no_comment", number)


def _check_asked(index: Index, rulings: _Rulings) -> Iterator[Violation]:
    """Yield tombstones of comments that nobody wanted removed."""
    for video, kept in index.kept.items():
        for number, said in kept.items():
            if said.is_tombstone:
                intent = index.intent_of(said)
                if not rulings.covering(video, number, intent.user if intent is not None else None):
                    yield Violation(Check.ASKED, video, "is removed, and nobody asked for it", number)


def _check_hidden(index: Index, rulings: _Rulings) -> Iterator[Violation]:
    """Yield removed texts that were shown to viewers, and in pages, who came when they had been removed."""
    gone = _gone(index, rulings)
    blind = _blind(index)
    for life in index.ledger.lives:
        if life.video in gone:
            for began_ns, said in _shown_in(index, life):
                if _is_late(gone, blind, said, began_ns):
                    detail = f"{life.viewer} came after {words(said.text)} was removed, and was shown it"
                    yield Violation(Check.HIDDEN, life.video, detail, said.number)
    for page in index.ledger.pages:
        for said in (index.ledger.said[place] for place in page.said):
            if _is_late(gone, blind, said, page.began_ns):
                yield Violation(Check.HIDDEN, page.video, f"{words(said.text)} is in a later page", said.number)


def _check_banned(index: Index, rulings: _Rulings) -> Iterator[Violation]:
    """Yield comments that one who was shut out got stored."""
    by_author: dict[tuple[str, str], list[Attempt]] = defaultdict(list)
    for attempt in index.ledger.attempts:
        if (attempt.video, attempt.user) in rulings.bans and attempt.fate is Fate.ACKNOWLEDGED:
            by_author[attempt.video, attempt.user].append(attempt)
    for who, bans in rulings.bans.items():
        for ban in bans:
            if ban.fate is not Fate.ACKNOWLEDGED or ban.ended_ns is None or ban.number is None:
                continue
            until_ns = min((one.began_ns for one in rulings.unbans[who] if one.began_ns > ban.began_ns), default=None)
            for attempt in by_author[who]:
                is_repeat = attempt.number is not None and attempt.number < ban.number  # of what was said before
                is_over = until_ns is not None and (attempt.ended_ns is None or attempt.ended_ns > until_ns)
                if attempt.began_ns > ban.ended_ns + SHUT_OUT_AFTER_NS and not is_over and not is_repeat:
                    detail = f"{attempt.user} was shut out, and said {words(attempt.text)}"
                    yield Violation(Check.BANNED, attempt.video, detail, attempt.number)


def _gone(index: Index, rulings: _Rulings) -> dict[str, dict[int, int]]:
    """Return, by video and number, when the removal of a comment had been answered."""
    gone: dict[str, dict[int, int]] = defaultdict(dict)
    for video, kept in index.kept.items():
        for number, said in kept.items():
            intent = index.intent_of(said)
            answered_ns = _answered_ns(rulings.covering(video, number, intent.user)) if intent is not None else None
            if answered_ns is not None:
                gone[video][number] = answered_ns
    return gone


def _answered_ns(rulings: list[Ruling]) -> int | None:
    """Return when the first of some rulings had been answered; None where none is known to be carried out."""
    ends = [one.ended_ns for one in rulings if one.fate is Fate.ACKNOWLEDGED and one.ended_ns is not None]
    return min(ends, default=None)


def _shown_in(index: Index, life: Life) -> Iterator[tuple[int, Said]]:
    """Yield what a viewer was shown, each with when the connection began in which it was."""
    connects = [(place, step.at_ns) for place, step in life.steps if isinstance(step, Connect)]
    for (first, began_ns), (end, _) in zip(connects, [*connects[1:], (len(life.shown), 0)], strict=True):
        for place in life.shown[first:end]:
            yield began_ns, index.ledger.said[place]


def _is_late(gone: dict[str, dict[int, int]], blind: list[tuple[int, int]], said: Said, began_ns: int) -> bool:
    removed_ns = gone[said.video].get(said.number) if said.video in gone and not said.is_tombstone else None
    if removed_ns is None or began_ns <= removed_ns + HIDDEN_AFTER_NS:
        return False
    return not any(first <= began_ns <= last for first, last in blind)


def _blind(index: Index) -> list[tuple[int, int]]:
    return [
        (fault.began_ns, fault.ended_ns + BLIND_AFTER_NS)
        for fault in index.ledger.faults
        if fault.fired and fault.target.startswith(_DEAF)
    ]
