"""The comment's three forms, its numbers, its text and its message id."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.comment import Comment, decode_payload, encode_payload, event_data, ordinary_author, posted_ms
from wire.headers import message_id
from wire.message import MAX_CODE_POINTS, check_message, parse_body
from wire.number import MAX_NUMBER, parse_cursor, parse_position
from wire.page import parse_page_request
from wire.problem import PROBLEMS, Refused, problem_body
from wire.video import check_video, shard_of

numbers = st.integers(min_value=1, max_value=MAX_NUMBER)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
names = st.none() | st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


@given(numbers, st.integers(0, 2**45), texts, texts, names, st.sampled_from([None, "moderator", "host"]))
def test_live_and_history_say_the_same_of_a_comment(number, at_ms, user, text, name, role):
    payload = encode_payload(user, text, name, role)
    comment = decode_payload(number, at_ms, payload)
    assert comment == Comment(number, user, text, at_ms, name, role)
    event = orjson.loads(event_data(number, at_ms, payload))
    assert {"id": event.pop("commentId"), **event} == comment.item()
    assert ordinary_author(payload) == (user if role is None else None)


@given(st.binary(max_size=60))
def test_what_no_writer_has_written_is_found_out(payload):
    with pytest.raises(ValueError):
        decode_payload(1, 2, payload)
    ordinary_author(payload)


@given(st.integers(31_536_000, 7_258_118_400), st.integers(0, 999_999_999), st.integers(0, 9))
def test_a_time_stamp_is_read_to_the_millisecond_below(whole, nanoseconds, digits):
    fraction = f"{nanoseconds:09}"[:digits]
    when = datetime.fromtimestamp(whole, UTC)
    stamp = when.strftime("%Y-%m-%dT%H:%M:%S") + (f".{fraction}" if fraction else "") + "Z"
    assert posted_ms(stamp) == whole * 1000 + int((fraction + "000")[:3])


@given(st.text(max_size=30))
def test_a_position_is_never_refused_and_a_cursor_only_with_its_own_code(text):
    position = parse_position(text)
    assert position is None or 0 <= position <= MAX_NUMBER
    try:
        cursor = parse_cursor(text)
    except Refused as refused:
        cursor, code = 0, refused.code
    else:
        code = "bad_cursor"
    assert 0 <= cursor <= MAX_NUMBER
    assert code == "bad_cursor"


@given(st.integers(min_value=0))
def test_any_number_is_a_position_and_too_large_ones_are_clamped(number):
    assert parse_position(str(number)) == min(number, MAX_NUMBER)
    assert parse_position("000" + str(number)) == min(number, MAX_NUMBER)


def test_a_position_of_a_million_digits_costs_nothing():
    assert parse_position("9" * 1_000_000) == MAX_NUMBER
    assert parse_position("\u0661\u0662") is None, "other digits than ASCII's"


@given(st.text(max_size=MAX_CODE_POINTS + 20))
def test_a_text_is_kept_exactly_but_for_white_space_around_it_or_refused(text):
    try:
        kept = check_message(text)
    except Refused as refused:
        kept, code = None, refused.code
    if kept is None:
        assert code.startswith("message_")
        return
    assert kept == text.strip()
    assert 1 <= len(kept) <= MAX_CODE_POINTS
    assert not any((ord(one) < 32 and one not in "\t\n") or 127 <= ord(one) < 160 for one in kept)
    assert parse_body(orjson.dumps({"message": text, "more": [1]})) == kept


def test_code_points_are_counted_and_not_bytes():
    assert check_message("👋" * MAX_CODE_POINTS)
    with pytest.raises(Refused, match="message_too_long"):
        check_message("👋" * (MAX_CODE_POINTS + 1))


@given(*[st.text(st.characters(exclude_categories=["Cs"]), max_size=12)] * 6)
def test_different_triples_never_have_one_message_id(video, user, key, video2, user2, key2):
    same = (video, user, key) == (video2, user2, key2)
    assert (message_id(video, user, key) == message_id(video2, user2, key2)) is same


def test_parts_that_run_together_make_different_message_ids():
    assert message_id("v", "ab", "c") != message_id("v", "a", "bc") != message_id("va", "b", "c")
    assert message_id("v", "a", None) != message_id("v", "a", None), "without a key each is its own"


@given(st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True), st.integers(1, 1024))
def test_a_video_is_always_in_one_shard(video, shards):
    assert check_video(video) == video
    assert 0 <= shard_of(video, shards) < shards
    assert shard_of(video, shards) == shard_of(video, shards)


def test_the_shard_of_a_video_stays_what_it_is_for_ever():
    assert [shard_of(video, 64) for video in ("demo", "a", "Z-9_")] == [32, 3, 54]


optional = st.none() | st.text(max_size=8)


@given(optional, optional, optional, optional)
def test_a_page_is_either_one_that_can_be_or_refused_with_a_code_of_its_own(cursor, at, limit, sort):
    try:
        page = parse_page_request(cursor, at, limit, sort)
    except Refused as refused:
        page, code = None, refused.code
    if page is None:
        assert code in {"bad_cursor", "bad_time", "bad_limit", "bad_sort"}
        return
    assert 1 <= page.limit <= 100
    assert page.sort in ("asc", "desc")
    assert page.cursor is None or page.at_ms is None


@pytest.mark.parametrize("code", PROBLEMS)
def test_a_problem_says_its_status_its_code_and_what_to_do(code):
    body = orjson.loads(problem_body(code))
    assert list(body) == ["type", "title", "status", "code", "detail"]
    assert (body["status"], body["code"]) == (PROBLEMS[code][0], code)
    assert body["detail"].endswith(".")
