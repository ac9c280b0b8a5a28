"""Whether a text holds a word that is blocked. Pure.

Texts and words are compared in the form that `wire.text.compared` gives, without what `wire.text.bare` takes off, so
capitals, compatibility forms, invisible characters and strokes through letters hide nothing. A word is found as a whole
word: `ass` is not in `class`, but in `_ass_`. In scripts without capitals, many of which write without spaces, it is
found anywhere. Words in a row are found whatever stands between them. What is spelt apart (`a s s`) or with look-alikes
is not found.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from wire.text import bare, compared

MAX_LISTS: Final = 256  # of words, made ready to look for
MAX_NAMES: Final = 10_000  # of which one list remembers whether they hold a word

_WORD: Final = re.compile(r"[^\W_]+")


class BlockedWords:
    """A list of words, made ready to be looked for: those that are one word with capitals, and all others."""

    def __init__(self, words: Sequence[str]) -> None:
        wanted = sorted({found for word in words if (found := _read(word))})
        self._single = frozenset(word for word in wanted if _WORD.fullmatch(word) and _is_bounded(word[0], word[-1]))
        self._others = [(max(word.split(), key=len), _pattern(word)) for word in wanted if word not in self._single]
        self._names: dict[str, bool] = {}

    def are_in(self, text: str) -> bool:
        """Return whether one of the words is in a text."""
        said = _read(text)
        # However long the list is, single words cost one look each, and the others a search in C.
        if self._single and not self._single.isdisjoint(_WORD.findall(said)):
            return True
        return bool(self._others) and any(part in said and pattern.search(said) for part, pattern in self._others)

    def are_in_name(self, name: str) -> bool:
        """Return the same of a name: there are fewer of them than of texts, so it is remembered."""
        found = self._names.get(name)
        if found is None:
            if len(self._names) >= MAX_NAMES:
                self._names.clear()
            found = self._names[name] = self.are_in(name)
        return found


@lru_cache(MAX_LISTS)
def blocked_words(words: tuple[str, ...]) -> BlockedWords:
    """Return a list of words made ready, the same one for the same words."""
    return BlockedWords(words)


def _read(text: str) -> str:
    if text.isascii():
        return compared(text)
    # The one mark that becomes a letter when capitals are folded: a Greek iota below.
    read = bare(compared(text.replace("\u0345", "")))
    return " ".join(read.split())  # what stood by itself and was taken off has left spaces


def _pattern(word: str) -> re.Pattern[str]:
    before = r"(?<![^\W_])" if _is_bounded(word[0]) else ""
    after = r"(?![^\W_])" if _is_bounded(word[-1]) else ""
    return re.compile(before + r"[\W_]+".join(map(re.escape, word.split())) + after)


def _is_bounded(*characters: str) -> bool:
    """Whether a word that begins or ends so does not go on beyond it."""
    return all(character.upper() != character or character.isdigit() for character in characters)
