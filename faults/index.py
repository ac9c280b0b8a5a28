"""The ledger, looked at from the sides that the checks need: by comment, by video, by number."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field

from faults.ledger import BAN, DELETE, Attempt, Fate, Ledger, Said
from faults.verdict import Where


class AmbiguousError(ValueError):
    """Two comments of the ledger say the same: what history holds could be either."""


@dataclass(slots=True)
class Intent:
    """What a client wanted to say, once: all attempts with the same key by the same user on the same video."""

    video: str
    user: str
    key: str | None
    attempts: list[Attempt] = field(default_factory=list)
    kept: list[Said] = field(default_factory=list)  # in history, by their numbers
    removed: list[Said] = field(default_factory=list)  # the same, of which only a tombstone is left

    @property
    def acknowledged(self) -> list[Attempt]:
        """Return the attempts that were acknowledged."""
        return [attempt for attempt in self.attempts if attempt.fate is Fate.ACKNOWLEDGED]

    @property
    def fate(self) -> Fate:
        """Return what is known of it: one acknowledgement is enough, one silence leaves a refusal open."""
        fates = {attempt.fate for attempt in self.attempts}
        for fate in (Fate.ACKNOWLEDGED, Fate.UNKNOWN):
            if fate in fates:
                return fate
        return Fate.REFUSED


class Index:
    """A ledger that does not change any more."""

    def __init__(self, ledger: Ledger) -> None:
        """Raises `AmbiguousError`."""
        self.ledger = ledger
        self.intents: list[Intent] = []
        self.kept_places: set[int] = {place for reading in ledger.readings for place in reading.said}
        self.kept: dict[str, dict[int, Said]] = defaultdict(dict)  # by video and number
        self._intents_by_words: dict[tuple[str, str, str], Intent] = {}
        self._intents_by_number: dict[tuple[str, int], Intent] = {}
        self._gather_intents()
        self._gather_numbers()
        self._gather_kept()
        self.numbers: dict[str, list[int]] = {video: sorted(kept) for video, kept in self.kept.items()}
        self.texts: dict[str, list[int]] = {  # … of comments that were not removed
            video: [number for number in numbers if not self.kept[video][number].is_tombstone]
            for video, numbers in self.numbers.items()
        }
        self.removals: dict[str, set[int]] = defaultdict(set)  # by video, the numbers of what removes something
        for ruling in ledger.rulings:
            if ruling.kind in (DELETE, BAN) and ruling.fate is Fate.ACKNOWLEDGED and ruling.number is not None:
                self.removals[ruling.video].add(ruling.number)

    def intent_of(self, said: Said) -> Intent | None:
        """Return whose words these are, or were; None for nobody's."""
        if said.is_tombstone:
            return self._intents_by_number.get((said.video, said.number))
        return self._intents_by_words.get((said.video, said.user, said.text))

    def where(self, numbers: list[int], number: int) -> Where:
        """Return in which part of `numbers`, which rise, a missing one belongs."""
        place = bisect_left(numbers, number)
        if place == len(numbers):
            return Where.END
        return Where.MIDDLE if place else Where.BEGINNING

    def _gather_intents(self) -> None:
        by_key: dict[tuple[str, str, str | None, int], Intent] = {}
        for place, attempt in enumerate(self.ledger.attempts):
            # Without a key every attempt is a comment of its own.
            name = (attempt.video, attempt.user, attempt.key, -1 if attempt.key is not None else place)
            intent = by_key.get(name)
            if intent is None:
                intent = by_key[name] = Intent(attempt.video, attempt.user, attempt.key)
                self.intents.append(intent)
            intent.attempts.append(attempt)
            words = (attempt.video, attempt.user, attempt.text)
            if self._intents_by_words.setdefault(words, intent) is not intent:
                raise AmbiguousError(f"{attempt.user} says the same twice on {attempt.video}: {attempt.text!r}")

    def _gather_numbers(self) -> None:
        """A tombstone says only its number: whose it is stands in an answer, or was shown to somebody."""
        for intent in self.intents:
            for attempt in intent.acknowledged:
                if attempt.number is not None:
                    self._intents_by_number.setdefault((intent.video, attempt.number), intent)
        for said in self.ledger.said:
            shown = self._intents_by_words.get((said.video, said.user, said.text))
            if shown is not None:
                self._intents_by_number.setdefault((said.video, said.number), shown)

    def _gather_kept(self) -> None:
        said = self.ledger.said
        for place in sorted(self.kept_places, key=lambda place: said[place].number):
            one = said[place]
            self.kept[one.video].setdefault(one.number, one)
            intent = self.intent_of(one)
            if intent is None:
                continue
            there = intent.removed if one.is_tombstone else intent.kept
            if all(other.number != one.number for other in there):
                there.append(one)
