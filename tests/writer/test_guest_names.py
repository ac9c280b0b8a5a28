"""Which names a guest may have."""

from __future__ import annotations

import orjson
import pytest

from wire.problem import Refused
from writer.guests import parse_name


@pytest.mark.parametrize("name", ["A", "x" * 40, "名前", "👩‍👩‍👧", 'O\'Neil "the" <b>'])
def test_a_name_comes_back_as_sent(name):
    assert parse_name(orjson.dumps({"name": name})) == name
    assert parse_name(orjson.dumps({"name": f"  {name}\n"})) == name


@pytest.mark.parametrize(
    "body",
    [
        b'{"name": ""}',
        b'{"name": "   "}',
        b'{"name": 7}',
        b"{}",
        b"[]",
        orjson.dumps({"name": "x" * 41}),
        orjson.dumps({"name": "a\x00b"}),
        orjson.dumps({"name": "a\nb"}),
        orjson.dumps({"name": "a\u2028b"}),
        orjson.dumps({"name": "a\x9bb"}),
        orjson.dumps({"name": "\u200b\u2060"}),
        orjson.dumps({"name": "\u202eada"}),
        orjson.dumps({"name": "a" + "\u0301" * 9}),
    ],
)
def test_other_names_are_refused(body):
    with pytest.raises(Refused, match="bad_name"):
        parse_name(body)


def test_what_is_not_json_is_told_so():
    with pytest.raises(Refused, match="not_json"):
        parse_name(b"name=A")
