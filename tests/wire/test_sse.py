"""The event stream: what is written is read back, however it is cut up on the way."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire import sse
from wire.comment import encode_payload, event_data
from wire.number import MAX_NUMBER
from wire.sse import MAX_EVENT_BYTES, EventParser

numbers = st.integers(min_value=1, max_value=MAX_NUMBER)
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    borders = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(borders)]


@given(st.lists(st.tuples(numbers, texts), min_size=1, max_size=8), st.lists(st.integers(0, 10_000), max_size=20))
def test_comments_come_back_as_they_were_written_whatever_the_pieces(said, places):
    frames = [sse.comment_event(number, event_data(number, 7, encode_payload("ann", text))) for number, text in said]
    parser = EventParser()
    events = [event for piece in cut(b"".join(frames), places) for event in parser.feed(piece)]
    assert [(int(event.last_id), event.json()["commentId"], event.json()["message"]) for event in events] == [
        (number, str(number), text) for number, text in said
    ]


@given(texts, texts)
def test_no_text_can_make_a_field_an_event_or_an_id_of_its_own(user, text):
    frame = sse.comment_event(5, event_data(5, 7, encode_payload(user, text)))
    assert frame.count(b"\n") == 3
    assert b"\r" not in frame
    assert frame.startswith(b"id: 5\ndata: {")
    assert frame.endswith(b"}\n\n")


@given(st.lists(st.sampled_from(["data: x", "data", "data:y", "id: 7", "event: e", ": comment", "retry: 5", "odd: z"])))
def test_lines_may_end_in_all_three_ways(lines):
    read = []
    for end in ("\n", "\r\n", "\r"):
        parser = EventParser()
        text = "".join(line + end for line in lines) + end + "data: last" + end + end + ": so that a CR is not the end"
        read.append(parser.feed(text.encode()))
    assert read[0] == read[1] == read[2]


def test_a_stream_is_read_as_the_specification_says():
    """The examples of WHATWG HTML, section 9.2.6."""
    parser = EventParser()
    assert [event.data for event in parser.feed(b"data: YHOO\ndata: +2\ndata: 10\n\n")] == ["YHOO\n+2\n10"]
    parser = EventParser()
    events = parser.feed(
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n"
    )
    assert [(event.data, event.last_id) for event in events] == [
        ("first event", "1"),
        ("second event", ""),
        (" third event", ""),
    ]
    assert [event.data for event in EventParser().feed(b"data\n\ndata\ndata\n\ndata:")] == ["", "\n"]
    assert [event.data for event in EventParser().feed(b"\xef\xbb\xbfdata:test\n\ndata: test\n\n")] == ["test", "test"]


def test_an_id_counts_only_once_its_event_has_come_whole():
    parser = EventParser()
    parser.feed(b"id: 1\ndata: a\n\nid: 2\ndata: b\n")
    assert parser.last_id == "1"


def test_a_line_without_an_end_is_given_up():
    parser = EventParser()
    try:
        for _ in range(1_000):
            parser.feed(b"data: " + b"x" * 4096)
    except ValueError:
        return
    raise AssertionError("4 MB of one line were taken")


def test_what_is_no_payload_of_a_writer_never_gets_into_a_stream():
    for payload in (b"", b"{", b"}", b"null", b'{"a":1}\n', b'{"a":\n1}', b'{"a":\r1}', b"data: x"):
        try:
            event_data(1, 2, payload)
        except ValueError:
            continue
        raise AssertionError(payload)


def test_an_event_that_does_not_end_is_not_kept_without_bounds():
    for endless in (b"data: " + b"x" * 1_000, b"data: " + b"x" * 1_000 + b"\n"):
        parser = EventParser()
        for _ in range(MAX_EVENT_BYTES // len(endless)):
            parser.feed(endless)
        with pytest.raises(ValueError, match="without an end"):
            parser.feed(endless * 2)
