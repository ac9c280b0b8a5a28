"""What takes bytes from strangers before anybody has looked at them: each as a function that only refuses.

A target gets bytes and raises nothing, whatever they are; what it must not let through it asserts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qsl

import orjson

from runtime.tokens import read_header
from wire.comment import decode_payload, encode_payload, event_data
from wire.message import MAX_CODE_POINTS, check_key, parse_body
from wire.number import MAX_NUMBER, parse_position
from wire.orders import parse_ban, parse_comment_id, parse_reason, parse_state, parse_user_id, parse_words
from wire.page import parse_page_request
from wire.problem import Refused
from wire.sse import EventParser
from wire.text import can_be_seen, compared, has_a_pile_of_marks, turns_what_is_outside
from wire.video import check_video
from writer.guests import parse_name


def body(data: bytes) -> None:
    """The body of a POST: what is taken is short, seen, and comes out of the stream as it went in."""
    try:
        text = parse_body(data)
    except Refused:
        return
    assert 1 <= len(text) <= MAX_CODE_POINTS
    assert can_be_seen(text)
    assert not turns_what_is_outside(text)
    assert not has_a_pile_of_marks(text)
    payload = encode_payload("user", text)
    assert b"\n" not in payload
    assert b"\r" not in payload
    assert decode_payload(1, 1, payload).message == text
    assert orjson.loads(event_data(1, 1, payload))["message"] == text


def texts(data: bytes) -> None:
    """Comparing settles at once."""
    text = data.decode("utf-8", "replace")
    assert compared(compared(text)) == compared(text)


def ids(data: bytes) -> None:
    """Video ids, keys, user ids, comment ids, guests' names."""
    text = data.decode("latin-1")
    for check in (check_video, check_key, parse_user_id, parse_comment_id):
        _refuse_or_take(check, text)
    for parse in (parse_name, parse_ban, parse_state, parse_words, parse_reason):
        _refuse_or_take(parse, data)


def pages(data: bytes) -> None:
    """Queries of pages, and positions of streams."""
    asked = dict(parse_qsl(data.decode("latin-1"), keep_blank_values=True))
    try:
        wanted = parse_page_request(asked.get("cursor"), asked.get("at"), asked.get("limit"), asked.get("sort"))
    except Refused:
        return
    finally:
        position = parse_position(data.decode("latin-1"))
        assert position is None or 0 <= position <= MAX_NUMBER
    assert 1 <= wanted.limit <= 100
    assert wanted.cursor is None or 0 <= wanted.cursor <= MAX_NUMBER


def tokens(data: bytes) -> None:
    """The first look at a token."""
    try:
        algorithm, kid = read_header(data.decode("latin-1"))
    except ValueError:
        return
    assert isinstance(algorithm, str)
    assert kid is None or isinstance(kid, str)


def streams(data: bytes) -> None:
    """A stream as clients read it: it does not matter where it is cut."""
    whole, cut = EventParser(), EventParser()
    middle = len(data) // 2
    assert [*whole.feed(data)] == [*cut.feed(data[:middle]), *cut.feed(data[middle:])]


def _refuse_or_take(check: Callable[[object], object], given: object) -> None:
    try:
        check(given)
    except Refused:
        return


TARGETS: Final[tuple[Callable[[bytes], None], ...]] = (body, texts, ids, pages, tokens, streams)
# To begin with: one of each kind, so that changes of it go deep at once.
SEEDS: Final = (
    b'{"message": "hello"}',
    '{"message": "\u202e\u0301\u200b👩\u200d🚀 \\ud83d\\ude00"}'.encode(),
    b'{"name": "Ada"}',
    b'{"forS": 60, "comments": true, "reason": "x"}',
    b'{"slowModeS": 5, "paused": true}',
    b'{"words": ["a", "b"]}',
    b"cursor=1795341234567890&limit=50&sort=asc&at=",
    b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl",
    b"retry: 100\n\nid: 1\nevent: x\ndata: a\ndata: b\n\n:\n\r\n\r\xef\xbb\xbf",
)
