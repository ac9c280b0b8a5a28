"""Blocked words: found however they are written, and nowhere else."""

from __future__ import annotations

import pytest

from wire.blocked_words import holds_blocked

WORDS = ("Darn", "heck no", "笨蛋", "b.a.d", "42", "straße")


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
    ],
)
def test_a_blocked_word_is_found_however_it_is_written(text):
    assert holds_blocked(text, WORDS)


@pytest.mark.parametrize("text", ["darned", "lodarn", "check now", "heck", "笨", "b.a.dly", "142", "strassen", ""])
def test_what_only_holds_its_letters_is_not_blocked(text):
    assert not holds_blocked(text, WORDS)


def test_without_words_nothing_is_blocked():
    assert not holds_blocked("darn", ())
    assert not holds_blocked("darn", ("\u200b",))
