"""What a number stands for, where JetStream's word alone does not say: history is asked.

A shard that is lifted forgets its messages, but JetStream remembers their ids for a while: also those of comments that
an old copy of the stream gave a number to that stood for another comment already. A repeat of such a comment is
answered with that number.
"""

from __future__ import annotations

from typing import Any, Final

import nats.errors
import orjson
from nats.aio.client import Client

from runtime import jetstream
from runtime.jetstream import Outgoing, StoreError
from wire import subjects
from wire.comment import COMMENT_KIND

ASK_S: Final = 2.0


class ArchiveSilentError(Exception):
    """History cannot say what the number stands for."""


async def belongs(connection: Client, shard: int, number: int, message: Outgoing) -> bool:
    """Return whether a number stands for this comment: the same user's same text on the same video.

    Raises `ArchiveSilentError`.
    """
    row = await _archived(connection, shard, number, subjects.video_of(message.subject))
    if row is None or row[2] != COMMENT_KIND or message.kind is not None:
        return False
    user, text = row[3], row[4]
    comment = orjson.loads(message.payload)
    # A deleted comment has no text any more; it was this video's all the same.
    return user is None or (user, text) == (comment["userId"], comment["message"])


async def agree(connection: Client, shard: int, number: int, message: Outgoing) -> bool:
    """Return whether a number stands for the same message of a comment's video in the stream and in the archive.

    Raises `ArchiveSilentError`.
    """
    video = subjects.video_of(message.subject)
    row = await _archived(connection, shard, number, video)
    try:
        stored = await jetstream.message_at(connection, shard, number)
    except StoreError as error:
        raise ArchiveSilentError from error
    if stored is None:
        return row is not None
    return row is not None and (subjects.video_of(stored.subject), stored.posted_ms) == (video, row[1])


async def _archived(connection: Client, shard: int, number: int, video: str) -> list[Any] | None:
    """Return what history has of a video under a number: number, time, kind, user, text, and more."""
    asked = {"video": video, "after": number - 1, "upto": number, "limit": 1}
    try:
        reply = await connection.request(subjects.history(shard), orjson.dumps(asked), timeout=ASK_S)
        answer = orjson.loads(reply.data)
        if "error" in answer or answer["through"] < number:
            raise ArchiveSilentError
        rows = [list(row) for row in answer["comments"] if row[0] == number and len(row) > 4]
    except (nats.errors.Error, OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise ArchiveSilentError from error
    return rows[0] if rows else None
