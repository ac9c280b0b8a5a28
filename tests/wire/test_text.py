"""What may not be in a text, and when two texts read the same."""

# ruff: noqa: RUF001  characters that are mistaken for others are what this is about

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.text import MAX_STACKED_MARKS, can_be_seen, compared, has_a_pile_of_marks, turns_what_is_outside

LRE, RLE, PDF, LRO, RLO = "\u202a\u202b\u202c\u202d\u202e"
LRI, RLI, FSI, PDI = "\u2066\u2067\u2068\u2069"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hello", "hELLO"),
        ("straße", "STRASSE"),
        ("ﬁne", "fine"),
        ("Ｓｐａｍ", "spam"),
        ("𝓼𝓹𝓪𝓶", "spam"),
        ("s\u200bp\u2060a\ufeffm\u00ad", "spam"),
        ("e\u0301", "é"),
        ("  a \t\n b\u3000c ", "a b c"),
        ("\u202espam\u202c", "spam"),
        ("❤\ufe0f", "❤"),
        ("ς", "σ"),
    ],
)
def test_texts_that_read_the_same_compare_as_the_same(one, other):
    assert compared(one) == compared(other)


@pytest.mark.parametrize(("one", "other"), [("spam", "spаm"), ("a b", "ab"), ("1", "l"), ("e", "é")])
def test_texts_that_only_look_alike_stay_different(one, other):
    assert compared(one) != compared(other)


@given(TEXTS)
def test_comparing_is_settled_after_once_and_does_not_care_for_form_or_case(text):
    once = compared(text)
    assert compared(once) == once
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert compared(unicodedata.normalize(form, text)) == once
    assert compared(text.casefold()) == once


@given(st.text(st.characters(max_codepoint=127), max_size=60))
def test_ascii_compares_as_any_other_text(text):
    assert compared(text) == compared(text + "\u200b")


@pytest.mark.parametrize(
    "text",
    ["\u200b", "\u200d\u200d", "\ufeff", "\u2800", "\u3164", "\u034f", "\U000e0041", "\u00ad \u2063\n", "\ufe0f", ""],
)
def test_what_is_made_of_invisible_characters_alone_cannot_be_seen(text):
    assert not can_be_seen(text)
    assert can_be_seen(text + ".")


@pytest.mark.parametrize(
    "text",
    [
        RLO,
        f"{RLO}a",
        f"a{PDF}",
        f"{PDI}",
        f"{RLI}a",
        f"{LRI}a{PDF}{PDI}",
        f"{RLE}a{PDI}",
        f"{RLI}a\nb{PDI}",
        f"{RLI}a\u2029b{PDI}",
        f"{LRE}{RLI}{PDI}",
        LRO * 200 + PDF * 199,
    ],
)
def test_controls_of_direction_that_reach_beyond_their_line_are_found(text):
    assert turns_what_is_outside(text)


@pytest.mark.parametrize(
    "text",
    [
        f"{RLO}a{PDF}",
        f"{FSI}Ada{PDI} and {FSI}עדה{PDI}",
        f"{LRI}{RLE}a{PDI}",
        f"{RLI}a{PDI}\n{RLE}b{PDF}",
        "שלום\u200f, world\u200e",
        "مرحبا \u061c1",
        LRO * 200 + PDF * 200,
    ],
)
def test_controls_of_direction_that_end_in_their_line_are_let_be(text):
    assert not turns_what_is_outside(text)


@given(st.lists(st.sampled_from([LRE, RLE, PDF, LRO, RLO, LRI, RLI, FSI, PDI, "a", "\n"]), max_size=30))
def test_what_is_let_be_never_turns_a_text_beside_it(parts):
    """Whatever is put around and after it: nothing of it is open there, and it ends nothing that it did not open."""
    text = "".join(parts)
    if not turns_what_is_outside(text):
        assert not turns_what_is_outside(f"{RLI}{text.replace(chr(10), ' ')}{PDI}")
        assert not turns_what_is_outside(f"{RLE}{text.replace(chr(10), ' ')}{PDF}")


@pytest.mark.parametrize(
    "text",
    [
        "é" + "\u0301" * MAX_STACKED_MARKS,
        "ཧྐྵྨླྺྼྻྂ",  # the longest pile that is written
        "הַבָּרִאשֹׁ֖ון",
        "1\ufe0f\u20e3 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f ❤️‍🔥 👩🏽‍🚀",
        "ệ" * 100,
        "\u0e01\u0e33\u0e48 नमस्ते",
    ],
)
def test_marks_that_languages_are_written_with_are_let_be(text):
    assert not has_a_pile_of_marks(text)


@pytest.mark.parametrize(
    "text",
    [
        "Z" + "\u0300" * (MAX_STACKED_MARKS + 1),
        "Z" + "\u0300\u200d" * (MAX_STACKED_MARKS + 1),
        "Z" + "\u0300\u034f\ufe0f" * (MAX_STACKED_MARKS + 1),
        "x" + "\u20dd" * 40,
    ],
)
def test_more_marks_than_that_on_one_character_are_found_whatever_stands_between(text):
    assert has_a_pile_of_marks(text)
    assert has_a_pile_of_marks("before " + text + " after")


@pytest.mark.parametrize("text", ["漢字かな" * 125, "héllo wörld " * 41, "שלום " * 100, "👋🏽 " * 160, "नमस्ते " * 70])
def test_a_text_of_any_script_is_checked_in_microseconds(text):
    """A class of characters of which one lies above U+FFFF can make a pattern a hundred times as slow as without."""

    def took_s() -> float:
        began = time.perf_counter()
        assert can_be_seen(text)
        assert not turns_what_is_outside(text)
        assert not has_a_pile_of_marks(text)
        return time.perf_counter() - began

    assert min(took_s() for _ in range(50)) < 250e-6


def test_nothing_that_is_refused_as_a_control_is_printable_to_python():
    """By that a text is looked at more closely, or not (`wire.message`)."""
    controls = (*range(0x20), *range(0x7F, 0xA0), *range(0xD800, 0xE000))
    turning = LRE + RLE + PDF + LRO + RLO + LRI + RLI + FSI + PDI
    assert not [hex(code) for code in (*controls, *map(ord, turning)) if chr(code).isprintable()]
