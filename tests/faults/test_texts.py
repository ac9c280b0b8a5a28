"""What the posters of a run say is taken, and what must be refused is refused, by the rules as they are."""

from __future__ import annotations

from random import Random

import pytest

from faults.texts import Refusal, body, refusal, text
from wire.message import check_key, parse_body
from wire.problem import Refused


def test_whatever_is_said_is_taken_as_it_is():
    chance = Random(1)
    for number in range(500):
        said = text(chance, f"mark-{number}")
        assert parse_body(body(said)) == said


def test_what_must_be_refused_is():
    chance = Random(2)
    for number in range(200):
        wrong = refusal(chance, f"mark-{number}")
        if not wrong.with_token or "Authorization" in wrong.headers or wrong.headers["Content-Type"] == "text/plain":
            continue
        with pytest.raises(Refused):
            take(wrong)


def take(request: Refusal) -> None:
    parse_body(request.body)
    check_key(request.headers.get("Idempotency-Key"))
