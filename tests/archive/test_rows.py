"""Which messages become rows, and which are nobody's."""

import pytest

from runtime.jetstream import Stored
from tests.archive.conftest import SHARD, SHARDS, VIDEO
from wire.comment import encode_payload
from wire.control import decode_control
from writer.archiving.rows import Row, row_of


def stored(payload: bytes, *, subject: str = f"comments.{SHARD}.{VIDEO}", kind: str | None = None) -> Stored:
    return Stored(7, subject, 1000, payload, {"Kind": kind} if kind is not None else {})


def test_a_comment_becomes_a_row() -> None:
    row = row_of(stored(encode_payload("ann", "hi", "Ann", "host")), SHARDS)
    assert row == Row(VIDEO, 7, 1000, "comment", "ann", "hi", "Ann", "host", None)


def test_a_control_message_becomes_a_row_with_what_it_says() -> None:
    ban = b'{"userId":"eve","untilMs":null,"comments":false,"by":"mod","role":"moderator"}'
    row = row_of(stored(ban, kind="ban"), SHARDS)
    assert row == Row(VIDEO, 7, 1000, "ban", detail=ban.decode(), control=decode_control(7, 1000, "ban", ban))


@pytest.mark.parametrize(
    "message",
    [
        stored(b""),
        stored(b"null"),
        stored(b"[]"),
        stored(b'{"userId": "u"}'),
        stored(b'{"userId": 1, "message": "m"}'),
        stored(b'{"userId": "u", "message": "\\ud800"}'),
        stored(b"{}", kind="comment"),
        stored(b"", kind="ban"),
        stored(b"\xff", kind="ban"),
        stored(b'{"userId": "u", "message": "m"}', subject=f"comments.{1 - SHARD}.{VIDEO}"),
        stored(b'{"userId": "u", "message": "m"}', subject=f"comments.{SHARD}.no:video"),
        stored(b'{"userId": "u", "message": "m"}', subject=f"comments.0{SHARD}.{VIDEO}"),
        stored(b'{"userId": "u", "message": "m"}', subject=f"other.{SHARD}.{VIDEO}"),
    ],
)
def test_what_no_writer_has_written_is_refused(message: Stored) -> None:
    with pytest.raises(ValueError):
        row_of(message, SHARDS)
