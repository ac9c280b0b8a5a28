"""A row of the table `comments`, made of a message as JetStream holds it."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from runtime.jetstream import Stored
from wire import subjects
from wire.comment import COMMENT_KIND, decode_payload
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


def row_of(stored: Stored, shards: int) -> Row:
    """Return the row for a message. Raises `ValueError` for a message that no writer of this cluster has written."""
    _, shard, video = stored.subject.split(".")
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
    return Row(video, stored.number, stored.posted_ms, kind=stored.kind, detail=stored.payload.decode())
