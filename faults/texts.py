"""What is said in a run: no two comments the same, and of every kind that has ever broken something."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any, Final

import orjson

from wire.message import MAX_CODE_POINTS

_KINDS: Final = (
    "what a goal",
    "hahaha",
    "これはすごい",
    "greetings from Lisbon 🇵🇹 👩‍👩‍👧‍👦",
    "two\nlines",
    "a tab\there",
    'she said "no" \\ he said {"yes": 1}',
    "id: 1\ndata: not an event\n\nevent: sync",
    "<b>&amp;</b> ' -- ; DROP TABLE comments",
    "مرحبا \u2067right to left\u2069 and back",
    "e\u0301 is not \u00e9, and \u2028 is no line end here",
    "{}",
)
LONG_SHARE: Final = 0.02


def text(chance: Random, mark: str) -> str:
    """Return a text that begins with its mark, so that it is like no other."""
    said = f"{mark} {chance.choice(_KINDS)}"
    if chance.random() < LONG_SHARE:
        said = (said + " and so on" * 60)[:MAX_CODE_POINTS].rstrip()
    return said


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that must be refused: its text, and what is wrong with it."""

    text: str
    body: bytes
    headers: dict[str, str]
    with_token: bool = True


def refusal(chance: Random, mark: str) -> Refusal:
    """Return a request that the service must not take."""
    good: dict[str, str] = {"Content-Type": "application/json"}
    kinds: tuple[tuple[str, dict[str, str], bool], ...] = (
        (f"{mark} {'x' * MAX_CODE_POINTS}", good, True),
        (f"{mark} \x07 bell", good, True),
        (f"{mark} \u202e turns what comes after it", good, True),
        (f"{mark} with a key that is too long", {**good, "Idempotency-Key": "k" * 65}, True),
        (f"{mark} as plain text", {"Content-Type": "text/plain"}, True),
        (f"{mark} without a token", good, False),
        (f"{mark} with a bad token", {**good, "Authorization": "Bearer nonsense"}, False),
    )
    said, headers, with_token = chance.choice(kinds)
    return Refusal(said, body(said), headers, with_token)


def body(said: str) -> bytes:
    """Return the body of a POST."""
    document: dict[str, Any] = {"message": said}
    return orjson.dumps(document)
