"""Whether a text holds a word that is blocked. Pure.

Texts and words are compared in the form that `wire.text.compared` gives, so capitals, compatibility forms and invisible
characters hide nothing. A word is found as a whole word: `ass` is not in `class`. In scripts without capitals, many of
which write without spaces, it is found anywhere.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from wire.text import compared

MAX_LISTS: Final = 256  # of words, made ready to look for


def holds_blocked(text: str, words: tuple[str, ...]) -> bool:
    """Return whether one of the words is in the text."""
    if not words:
        return False
    pattern = _pattern(words)
    return pattern is not None and pattern.search(compared(text)) is not None


@lru_cache(MAX_LISTS)
def _pattern(words: tuple[str, ...]) -> re.Pattern[str] | None:
    wanted = sorted({found for word in words if (found := compared(word))})
    return re.compile("|".join(map(_one, wanted))) if wanted else None


def _one(word: str) -> str:
    before = r"(?<!\w)" if _has_capital(word[0]) or word[0].isdigit() else ""
    after = r"(?!\w)" if _has_capital(word[-1]) or word[-1].isdigit() else ""
    return before + re.escape(word) + after


def _has_capital(character: str) -> bool:
    return character.upper() != character
