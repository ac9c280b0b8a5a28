"""The fuzz run's targets hold for some thousand inputs in every `make test`; `make faults` gives them minutes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import SEEDS, TARGETS


@st.composite
def changed(draw: st.DrawFn) -> bytes:
    """A seed with some of it cut, put in or exchanged."""
    data = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(0, 4))):
        at, to = sorted((draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))))
        data = data[:at] + draw(st.binary(max_size=8) | st.sampled_from(SEEDS)) + data[to:]
    return data


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.__name__)
@settings(max_examples=80)
@given(data=st.binary(max_size=200) | changed())
def test_a_target_refuses_or_takes_and_never_fails(target, data):
    target(data)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.__name__)
def test_a_target_takes_every_seed(target):
    for seed in SEEDS:
        target(seed)
