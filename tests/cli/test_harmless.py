import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecomments.harmless import harmless


@pytest.mark.parametrize(
    "text",
    ["hello", "草", "👩‍👩‍👧‍👦 family", "naïve", "e\u0301", "[red]x[/red]", "ولد", "\\x1b", "a\u200cb"],
)
def test_what_people_write_is_shown_as_it_is(text):
    assert harmless(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("one\ntwo\tthree", "one two three"),
        ("over\rwritten", "over\\x0dwritten"),
        ("a\x08b\x7f", "a\\x08b\\x7f"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("a\u2028b", "a b"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_as_its_code(text, shown):
    assert harmless(text) == shown


@given(st.text())
def test_no_control_character_is_ever_left(text):
    for character in harmless(text):
        assert unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp")
        assert unicodedata.bidirectional(character) not in (
            "LRE",
            "RLE",
            "LRO",
            "RLO",
            "PDF",
            "LRI",
            "RLI",
            "FSI",
            "PDI",
        )
