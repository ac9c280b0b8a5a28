"""Texts of strangers, made harmless for a terminal.

A terminal obeys control characters: a comment could clear the screen, rename the window, or write over other people's
words. Nothing that a person can read is changed: letters, emoji and their joiners stay as they are.
"""

from __future__ import annotations

import re

# C0 and C1 controls and DEL (ECMA-48), marks that turn the direction of everything after them (Unicode TR36), the line
# and paragraph separators, the interlinear and object marks, tag characters, and surrogates that no encoder takes.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufff9-\ufffc\ud800-\udfff\ufeff]")

_AS_SPACE = frozenset("\t\n\u2028\u2029")


def harmless(text: str) -> str:
    """Return a text as one line that only shows: breaks become spaces, and controls their code after a backslash."""
    return _UNSAFE.sub(_shown, text)


def _shown(match: re.Match[str]) -> str:
    character = match[0]
    if character in _AS_SPACE:
        return " "
    code = ord(character)
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"
