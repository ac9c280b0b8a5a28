"""A row of the table `comments`, made of a message as JetStream holds it."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import orjson

from runtime.jetstream import Stored
from wire import subjects
from wire.comment import COMMENT_KIND, decode_payload
from wire.control import DELETE, KINDS, Control, decode_control
from wire.problem import Refused
from wire.video import check_video, shard_of


@dataclass(frozen=True, slots=True)
class Row:
    """A comment, or a control message (`kind` says which; it has only `detail`, the JSON that it says)."""

    video: str
    number: int
    posted_ms: int
    kind: str = COMMENT_KIND
    user_id: str | None = None
    message: str | None = None
    name: str | None = None
    role: str | None = None
    detail: str | None = None
    deleted_by: int | None = None  # the number of the control message that removed its text
    control: Control | None = None  # what a control message says, of a kind that this version knows


def row_of(stored: Stored, shards: int) -> Row:
    """Return the row for a message. Raises `ValueError` for a message that no writer of this cluster has written."""
    _, shard, video = stored.subject.split(".")
    if video == subjects.OPERATORS:
        if stored.kind is None:
            raise ValueError("operators say no comments")
    else:
        try:
            check_video(video)
        except Refused:
            raise ValueError("the subject holds no video id") from None
    if shard != str(shard_of(video, shards)):
        raise ValueError("the video belongs to another shard; nobody would look for it here")
    if stored.subject != subjects.comments(int(shard), video):
        raise ValueError("not the subject of a comment")
    if stored.kind is None:
        comment = decode_payload(stored.number, stored.posted_ms, stored.payload)
        return Row(
            video,
            stored.number,
            stored.posted_ms,
            user_id=comment.user_id,
            message=comment.message,
            name=comment.name,
            role=comment.role,
        )
    if stored.kind == COMMENT_KIND:
        raise ValueError("a comment says so by having no kind")
    orjson.loads(stored.payload)
    control = None
    if stored.kind in KINDS:
        control = decode_control(stored.number, stored.posted_ms, stored.kind, stored.payload)
    detail = stored.payload.decode()
    return Row(video, stored.number, stored.posted_ms, kind=stored.kind, detail=detail, control=control)


def with_removals(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of a batch, those without their texts that are removed by others of it."""
    removed = {
        (row.video, int(row.control.detail["commentId"])): row.number
        for row in reversed(rows)
        if row.control is not None and row.control.kind == DELETE
    }
    if not removed:
        return list(rows)
    return [
        replace(row, message="", name=None, role=None, deleted_by=removed[row.video, row.number])
        if row.kind == COMMENT_KIND and (row.video, row.number) in removed
        else row
        for row in rows
    ]


def removed_by(messages: Sequence[Stored]) -> set[int]:
    """Return the numbers of the comments that are removed one by one by some messages."""
    found = set()
    for message in messages:
        if message.kind == DELETE:
            with contextlib.suppress(ValueError):
                control = decode_control(message.number, message.posted_ms, DELETE, message.payload)
                found.add(int(control.detail["commentId"]))
    return found
