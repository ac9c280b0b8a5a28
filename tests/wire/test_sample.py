"""Bundles of a hot video's sample, as writers say them and edges hear them."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.sample import Bundle, Chosen, decode_bundle

COUNTED = [7_180_000_000, 3, 1, 2, 3, 4, 5, 6, 7, 8]
chosen = st.builds(
    Chosen,
    st.just(0),
    st.sampled_from([None, "delete"]),
    st.integers(0, 2**42),
    st.dictionaries(st.text(max_size=9), st.text(max_size=20), max_size=3).map(orjson.dumps),
)


@given(
    after=st.integers(0, 2**52),
    parts=st.lists(st.tuples(st.integers(1, 50), st.one_of(chosen, st.integers(0, 2**32 - 1))), max_size=40),
    ends=st.booleans(),
)
def test_a_bundle_is_heard_as_it_was_said(after, parts, ends):
    number, shown, left_out = after, [], []
    for step, one in parts:
        number += step
        if isinstance(one, Chosen):
            shown.append(Chosen(number, one.kind, one.posted_ms, one.payload))
        else:
            left_out.append((number, one))
    bundle = Bundle("w", 20.0, after, number, shown, left_out, COUNTED, ends)
    assert decode_bundle(bundle.encode()) == bundle


@pytest.mark.parametrize(
    "changed",
    [
        {"after": 9, "upto": 8},
        {"upto": 2**53},
        {"chosen": [[5, None, 0, "{}"]]},
        {"chosen": [[21, None, 0, "{}"]]},
        {"chosen": [[12, None, 0, "{}"], [11, None, 0, "{}"]]},
        {"chosen": [[12, None, 0]]},
        {"leftOut": [1], "authors": []},
        {"leftOut": [2, 2], "authors": [0, 0]},
        {"leftOut": ["a"], "authors": [0]},
        {"counted": None},
    ],
)
def test_what_is_no_bundle_is_refused(changed):
    said = orjson.loads(Bundle("w", 20.0, 10, 20, [], [], COUNTED).encode())
    with pytest.raises(ValueError, match="bundle"):
        decode_bundle(orjson.dumps({**said, **changed}))


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"null", b"\xff", b'"x"'])
def test_what_is_not_even_json_of_that_kind_is_refused(data):
    with pytest.raises(ValueError, match=r"."):
        decode_bundle(data)
