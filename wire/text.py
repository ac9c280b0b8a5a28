"""Texts as people see them: what may not be in one, and when two are the same. Nothing here changes what is stored.

Unicode Standard Annex 9 (bidirectional text), 15 (normalisation), 44 (properties), and Unicode Technical Report 36
(security). `unicodedata` has no property of its own for what is invisible, so the list stands here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

# A base and the longest pile that a script is written with fit: Tibetan's syllable of all its signs has eight.
MAX_STACKED_MARKS: Final = 8

# Default_Ignorable_Code_Point (DerivedCoreProperties), and two that draw nothing though they are not in it: the blank
# braille pattern, and the interlinear annotation marks. As they stand between the brackets of a pattern.
_INVISIBLE_CHARACTERS: Final = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_EMBEDDING: Final = "\u202a\u202b\u202d\u202e"  # LRE, RLE, LRO, RLO
_ISOLATE: Final = "\u2066\u2067\u2068"  # LRI, RLI, FSI
_END_EMBEDDING: Final = "\u202c"  # PDF
_END_ISOLATE: Final = "\u2069"  # PDI
_PARAGRAPH: Final = "\n\u2029"  # ends whatever is open (UAX 9, X8), where it is shown as one


_INVISIBLE = re.compile(f"[{_INVISIBLE_CHARACTERS}]+")
_VISIBLE = re.compile(rf"[^\s{_INVISIBLE_CHARACTERS}]")
_DIRECTION = re.compile(f"[{_EMBEDDING}{_ISOLATE}{_END_EMBEDDING}{_END_ISOLATE}]")


_MARKS: Final = frozenset(
    character
    for character in map(chr, range(0x300, 0x20000))  # the other planes have only invisible ones
    if unicodedata.category(character) in ("Mn", "Me") and _INVISIBLE.match(character) is None
)
_OF_NO_SCRIPT_OR_OPTIONAL = re.compile("COMBINING (?!KATAKANA)|ARABIC|HEBREW|SYRIAC")
# What is drawn around letters, or between them, and can be seen though it is of the category Cf; and tatweel, a line
# that stretches a word. As they stand between the brackets of a pattern.
_AROUND_CHARACTERS: Final = "\u0600-\u0605\u0640\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd\U00013430-\U0001345f"


def _any_of(characters: Iterable[str]) -> str:
    return "".join(re.escape(character) for character in sorted(characters))


# `re` looks up a class below U+10000 in a table, so a search for what may be a mark is twenty times as fast as one for
# each: above that it asks for all up to U+1EFFF, where the marks end and the pictures begin.
_PERHAPS_MARKS: Final = _any_of(mark for mark in _MARKS if mark < "\U00010000") + "\U00010000-\U0001efff"
_PERHAPS_A_MARK = re.compile(f"[{_PERHAPS_MARKS}]")
_PERHAPS_AROUND = re.compile(f"[{_PERHAPS_MARKS}{_AROUND_CHARACTERS}]")
# What makes no other letter of one that it is put on: those around it, marks that belong to no script, and points of
# vowels in scripts that are read without them.
_AROUND = re.compile(
    f"[{_AROUND_CHARACTERS}"
    f"{_any_of(mark for mark in _MARKS if _OF_NO_SCRIPT_OR_OPTIONAL.match(unicodedata.name(mark)))}]+"
)


_last_compared: tuple[str, str] = ("", "")


def compared(text: str) -> str:
    """Return what a text is for comparison alone: two texts that read the same give the same.

    Compatibility forms are one (NFKC: `ﬁ` is `fi`, a full-width A is an A), so are capitals and small letters
    (`ß` is `ss`); invisible characters are gone, and runs of white space are one space. What looks alike in different
    alphabets stays different. Calling it again changes nothing. May be longer than the text: NFKC makes up to 18
    characters of one.
    """
    global _last_compared  # noqa: PLW0603  blocked words, duplicates and floods ask for it of the same comment in turn
    last, read = _last_compared
    if text is not last:
        read = " ".join(text.lower().split()) if text.isascii() else _folded(text)
        _last_compared = text, read
    return read


def _folded(text: str) -> str:
    seen = _INVISIBLE.sub("", text)
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", seen).casefold())
    if folded != seen:
        # Folding can undo what normalising did, and the other way round (UAX 15, section 14; UTS 46 does it like this).
        folded = unicodedata.normalize("NFKC", _INVISIBLE.sub("", folded).casefold())
    return " ".join(folded.split())


def bare(read: str) -> str:
    """Return a text that was `compared` without what may be put on letters and makes no other letters of them.

    A stroke through a letter of Latin is no part of it, nor is a sign of Devanagari, and a point on a letter of Arabic
    is seldom written; but a sign of Devanagari on a letter of its own is. A letter that has a mark as a letter of its
    own (`é`, `ñ`, `й`) keeps it: `año` is another word than `ano`.
    """
    if read.isascii() or _PERHAPS_AROUND.search(read) is None:
        return read
    text = _AROUND.sub("", read)
    if _PERHAPS_A_MARK.search(text) is None or text.upper() == text:
        return text
    kept: list[str] = []
    for character in text:
        if character not in _MARKS or not kept or not _takes_no_marks(kept[-1]):
            kept.append(character)
    return "".join(kept)


def _takes_no_marks(character: str) -> bool:
    """Whether marks that are left on it after normalising are no part of it: on digits, and letters with capitals."""
    return character.isdigit() or character.upper() != character


def can_be_seen(text: str) -> bool:
    """Whether anything of a text is drawn: white space and invisible characters are not."""
    return _VISIBLE.search(text) is not None


def has_a_pile_of_marks(text: str) -> bool:
    """Whether more than `MAX_STACKED_MARKS` marks stand on one character, so that they run into the lines around.

    Invisible characters between marks do not part them.
    """
    if text.isascii() or _PERHAPS_A_MARK.search(text) is None:
        return False
    pile = 0
    for character in text:
        if character in _MARKS:
            pile += 1
            if pile > MAX_STACKED_MARKS:
                return True
        elif pile and _INVISIBLE.match(character) is None:
            pile = 0
    return False


def turns_what_is_outside(text: str) -> bool:
    """Whether a control of direction reaches beyond its line: one is opened and not ended there, or ended unopened.

    Strict about lines, so that it holds whether line feeds are shown as such or as spaces. Marks that are only
    characters of a direction (LRM, RLM, ALM) reach nowhere.
    """
    return (
        not text.isascii()
        and _DIRECTION.search(text) is not None
        and any(not _is_balanced(line) for line in re.split(f"[{_PARAGRAPH}]", text))
    )


def _is_balanced(line: str) -> bool:
    is_isolate: list[bool] = []  # of what is open, the outermost first
    for character in _DIRECTION.findall(line):
        if character in _ISOLATE:
            is_isolate.append(True)
        elif character in _EMBEDDING:
            is_isolate.append(False)
        elif character == _END_EMBEDDING:
            if not is_isolate or is_isolate.pop():
                return False
        else:
            # The end of an isolate ends the embeddings in it as well (UAX 9, X6a).
            if True not in is_isolate:
                return False
            while not is_isolate.pop():
                continue
    return not is_isolate
