"""The context of a trace is read as W3C Trace Context says (version 00, and what later ones have in common with it)."""

from __future__ import annotations

import pytest

from wire.trace import new_trace, parse_traceparent

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def test_a_context_comes_back_as_it_was_sent():
    context = new_trace()
    assert parse_traceparent(context.traceparent()) == context


def test_a_child_is_of_the_same_trace_with_a_span_of_its_own():
    context = new_trace()
    child = context.child()
    assert child.trace_id == context.trace_id
    assert child.span_id != context.span_id


@pytest.mark.parametrize("header", [f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-03", f"cc-{TRACE}-{SPAN}-01-later"])
def test_what_is_sampled_is_traced(header):
    context = parse_traceparent(header)
    assert context is not None
    assert (context.trace_id, context.span_id) == (TRACE, SPAN)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "nonsense",
        f"00-{TRACE}-{SPAN}-00",  # its client does not sample it
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01" + "-" + "x" * 1000,
        f"00-{TRACE}-{SPAN[:-1]}é-01",
    ],
)
def test_what_is_malformed_or_not_sampled_is_not(header):
    assert parse_traceparent(header) is None
