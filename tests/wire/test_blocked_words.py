"""Blocked words: found however they are written, and nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.blocked_words import MAX_NAMES, BlockedWords, blocked_words
from wire.text import bare, compared

# In Hindi "tomorrow", in Hebrew and Arabic "peace".
WORDS = ("Darn", "heck no", "笨蛋", "b.a.d", "42", "straße", "कल", "שלום", "سلام", "ano")
BLOCKED = BlockedWords(WORDS)

STROKES = "\u0336\u0338\u20dd\u0489\u0334\u0345\u064b\u0941\u0600\u0640\u200b\u00ad\ufe0f"


@pytest.mark.parametrize(
    "text",
    [
        "darn",
        "DARN!",
        "oh,darn",
        "\uff44\uff41\uff52\uff4e",
        "d\u200barn",
        "heck   NO",
        "你这个笨蛋啊",
        "b.a.d",
        "x 42",
        "STRASSE",
        "darn_",
        "_darn_",
        "__DARN__",
        "d\u0336a\u0336r\u0336n\u0336",  # struck through
        "\u0336darn",
        "d\u20dda\u20ddr\u20ddn\u20dd",  # each in a circle
        "da\u0941rn",  # with a sign of a vowel of another script
        "d\u0600a\u0640rn",
        "4\u03362",
        "heck, no",
        "heck_no",
        "_heck_\u0336no_",
        "कल",
        "שָׁלוֹם",  # with points
        "سَلَام",
        "سـلام",  # stretched
    ],
)
def test_a_blocked_word_is_found_however_it_is_written(text):
    assert BLOCKED.are_in(text)
    assert BLOCKED.are_in_name(text)


@pytest.mark.parametrize(
    "text",
    [
        *("darned", "lodarn", "check now", "heck", "heck nobody", "笨", "b.a.dly", "142", "strassen", ""),
        *("कुल", "año", "da_rn"),  # "total", "year"; and what is spelt apart
    ],
)
def test_what_only_holds_its_letters_is_not_blocked(text):
    assert not BLOCKED.are_in(text)
    assert not BLOCKED.are_in_name(text)


@pytest.mark.parametrize("word", ["\u0640 \u0640", "\u0600 \u0601", "\u0336 \u0336\u0640"])
def test_a_word_of_nothing_but_what_is_put_on_letters_blocks_nothing(word):
    blocked = BlockedWords([word, "darn"])
    assert not blocked.are_in("hello")
    assert not blocked.are_in(word)
    assert blocked.are_in("darn")


@pytest.mark.parametrize("word", ["darn \u0640", "\u0600 darn", "\u0640 darn \u0640"])
def test_what_stands_beside_a_word_and_is_no_letter_is_no_part_of_it(word):
    blocked = BlockedWords([word])
    assert blocked.are_in("oh, darn")
    assert not blocked.are_in("darned")
    assert not blocked.are_in("lodarn")


def test_without_words_nothing_is_blocked():
    assert not BlockedWords(()).are_in("darn")
    assert not BlockedWords(("\u200b", "\u0336", "_")).are_in("darn")


@given(st.lists(st.text(STROKES, max_size=3), min_size=5, max_size=5), st.text("_-.,!* \n\u0336", max_size=3))
def test_whatever_is_put_on_its_letters_and_beside_it_a_word_is_found(strokes, beside):
    decorated = "".join(letter + stroke for letter, stroke in zip(" dArN", strokes, strict=True))
    assert BLOCKED.are_in(f"oh {beside}{decorated}{beside} yes")


# `ŀ` is an l and a dot, which is no letter.
LETTERS = st.characters(categories=["Ll", "Lu"], max_codepoint=0x24F).filter(lambda one: compared(one).isalpha())


@given(st.text(LETTERS, min_size=1, max_size=3))
def test_letters_before_or_behind_make_another_word_of_it(letters):
    assert not BlockedWords(("darn",)).are_in(f"{letters}darn darn{letters}")


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_what_is_bare_stays_so_and_holds_no_more_than_before(text):
    once = bare(compared(text))
    assert bare(once) == once
    letters = iter(compared(text))
    assert all(character in letters for character in once), "in its order, with something left out"


def test_names_are_remembered_up_to_a_limit():
    blocked = BlockedWords(("darn",))
    for number in range(MAX_NAMES + 1):
        assert not blocked.are_in_name(f"ann {number}")
    assert len(blocked._names) <= MAX_NAMES
    assert blocked.are_in_name("d_a Darn")


def test_the_same_words_are_made_ready_once():
    assert blocked_words(("darn", "heck")) is blocked_words(("darn", "heck"))
