import contextlib
import gzip
import zlib
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from livecomments.authors import MADE_UP_AUTHORS, author_of
from livecomments.chatlog import MAX_LINE_BYTES, ChatLogError, Said, read_chat_log, survey
from runtime.tokens import is_user_id

GOOD_LINE = b'{"t":1.5,"user":"ann","message":"hello"}\n'


def log_of(folder: Path, *lines: bytes) -> Path:
    path = folder / "chat.ndjson"
    path.write_bytes(b"".join(lines))
    return path


def test_a_plain_and_a_packed_log_are_read_alike(tmp_path):
    text = (
        b'{"t":0,"user":"ann","message":"\xe8\x8d\x89"}\n'
        b'{"t":2.5,"user":"","message":"b","more":[1]}\n'
        b'{"t":3,"message":""}'
    )
    plain, packed = tmp_path / "chat.ndjson", tmp_path / "chat.any-name"
    plain.write_bytes(text)
    packed.write_bytes(gzip.compress(text))
    wanted = [Said(1, 0.0, "ann", "草"), Said(2, 2.5, None, "b"), Said(3, 3.0, None, "")]
    assert list(read_chat_log(plain)) == wanted
    assert list(read_chat_log(packed)) == wanted


def test_lines_without_anything_are_passed_over_but_counted(tmp_path):
    path = log_of(tmp_path, b"\n", GOOD_LINE, b"  \r\n", GOOD_LINE, b"\n")
    assert [said.line for said in read_chat_log(path)] == [2, 4]


def test_a_survey_counts_what_there_is_and_how_long_it_takes(tmp_path):
    lines = [b'{"t":%d,"message":"x"}\n' % t for t in (5, 9, 7)]
    found = survey(log_of(tmp_path, *lines))
    assert (found.messages, found.first_s, found.last_s) == (3, 5.0, 9.0)
    assert survey(log_of(tmp_path, *lines), limit=1).messages == 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"hello\n", "not JSON"),
        (b"\x00\x01\x02\n", "not JSON"),
        (b'{"t":1,"message":"\xff"}\n', "not JSON"),
        (b'{"t":1,"message":"\\ud800"}\n', "not JSON"),
        (b'{"t":NaN,"message":"x"}\n', "not JSON"),
        (b"[" * 100_000 + b"\n", "not JSON"),
        (b"[1,2]\n", "not an object"),
        (b'"text"\n', "not an object"),
        (b'{"message":"x"}\n', '"t" must be a number'),
        (b'{"t":"1","message":"x"}\n', '"t" must be a number'),
        (b'{"t":true,"message":"x"}\n', '"t" must be a number'),
        (b'{"t":null,"message":"x"}\n', '"t" must be a number'),
        (b'{"t":-1,"message":"x"}\n', "not negative"),
        (b'{"t":1637842072628,"message":"x"}\n', "less than a year"),
        (b'{"t":1}\n', '"message" must be a string'),
        (b'{"t":1,"message":5}\n', '"message" must be a string'),
        (b'{"t":1,"user":5,"message":"x"}\n', '"user" must be a string'),
        (b'{"t":1,"user":"a\\u0000b","message":"x"}\n', '"user" must be a string'),
        (b'{"t":1,"user":"' + b"a" * 129 + b'","message":"x"}\n', '"user" must be a string'),
        (b'{"t":1,"message":"' + b"x" * MAX_LINE_BYTES + b'"}\n', "longer than 256 KiB"),
    ],
)
def test_a_line_that_is_no_message_is_told_by_its_number(tmp_path, line, reason):
    path = log_of(tmp_path, GOOD_LINE, b"\n", line, GOOD_LINE)
    with pytest.raises(ChatLogError) as refused:
        survey(path)
    assert refused.value.line == 3
    assert "line 3" in refused.value.message
    assert reason in refused.value.message
    assert "\n" not in refused.value.message


def test_a_log_without_messages_is_refused(tmp_path):
    with pytest.raises(ChatLogError, match="no message"):
        survey(log_of(tmp_path, b"\n\n"))


@pytest.mark.parametrize("keep", [10, 200, -4])
def test_a_packed_log_that_is_cut_short_is_refused(tmp_path, keep):
    path = tmp_path / "chat.gz"
    path.write_bytes(gzip.compress(GOOD_LINE * 1000, compresslevel=0)[:keep])
    with pytest.raises(ChatLogError, match="gzip file is broken"):
        survey(path)


def test_a_packed_log_whose_bytes_were_changed_is_refused(tmp_path):
    packed = bytearray(
        gzip.compress(b"".join(b'{"t":%d,"message":"%d"}\n' % (t, zlib.crc32(b"%d" % t)) for t in range(999)))
    )
    packed[len(packed) // 2] ^= 0xFF
    path = tmp_path / "chat.gz"
    path.write_bytes(packed)
    with pytest.raises(ChatLogError):
        survey(path)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300))
def test_no_file_at_all_raises_anything_else(tmp_path, content):
    with contextlib.suppress(ChatLogError):
        list(read_chat_log(log_of(tmp_path, content)))


AUTHOR = st.text(max_size=20).filter(lambda user: user == "" or is_user_id(user))


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(messages=st.lists(st.tuples(st.floats(0, 1e6), AUTHOR, st.text()), min_size=1, max_size=20))
def test_what_was_written_is_read(tmp_path, messages):
    lines = [orjson.dumps({"t": t, "user": user, "message": text}) + b"\n" for t, user, text in messages]
    read = [(said.at_s, said.user or "", said.message) for said in read_chat_log(log_of(tmp_path, *lines))]
    assert read == messages


def test_made_up_authors_are_many_and_the_same_in_every_replay():
    said = [Said(line, 0.0, None, "x") for line in range(5000)]
    authors = [author_of(one) for one in said]
    assert authors == [author_of(one) for one in said]
    assert MADE_UP_AUTHORS * 0.9 < len(set(authors)) <= MADE_UP_AUTHORS
    assert all(is_user_id(author) for author in authors)


def test_an_author_that_the_log_names_keeps_the_name():
    assert author_of(Said(1, 0.0, "385deae0b5", "x")) == "385deae0b5"
