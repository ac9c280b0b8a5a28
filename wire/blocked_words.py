"""Whether a text holds a word that is blocked. Pure.

Texts and words are compared in the form that `wire.text.compared` gives, so capitals, compatibility forms and invisible
characters hide nothing. A word is found as a whole word: `ass` is not in `class`. In scripts without capitals, many of
which write without spaces, it is found anywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from wire.text import compared

MAX_LISTS: Final = 256  # of words, made ready to look for

_WORD: Final = re.compile(r"\w+")


def holds_blocked(text: str, words: tuple[str, ...]) -> bool:
    """Return whether one of the words is in the text."""
    if not words:
        return False
    blocked, said = _ready(words), compared(text)
    # However long the list is, single words cost one look each, and the others a search in C.
    return not blocked.single.isdisjoint(_WORD.findall(said)) or any(
        needle in said and pattern.search(said) is not None for needle, pattern in blocked.others
    )


@dataclass(frozen=True, slots=True)
class _Blocked:
    """A list of words: those that are one word with capitals, and all others, each with what finds it."""

    single: frozenset[str]
    others: tuple[tuple[str, re.Pattern[str]], ...]


@lru_cache(MAX_LISTS)
def _ready(words: tuple[str, ...]) -> _Blocked:
    wanted = sorted({found for word in words if (found := compared(word))})
    single = frozenset(word for word in wanted if _WORD.fullmatch(word) and _is_bounded(word[0], word[-1]))
    return _Blocked(single, tuple((word, _pattern(word)) for word in wanted if word not in single))


def _pattern(word: str) -> re.Pattern[str]:
    before = r"(?<!\w)" if _is_bounded(word[0]) else ""
    after = r"(?!\w)" if _is_bounded(word[-1]) else ""
    return re.compile(before + re.escape(word) + after)


def _is_bounded(*characters: str) -> bool:
    """Whether a word that begins or ends so does not go on beyond it."""
    return all(character.upper() != character or character.isdigit() for character in characters)
