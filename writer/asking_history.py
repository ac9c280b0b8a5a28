"""What history has of a number, where the stream alone does not say.

A shard that is lifted forgets its messages, but JetStream remembers their ids for a while: also those of comments that
an old copy of the stream gave a number to that stood for another comment already. A repeat of such a comment is
answered with that number: `belongs` and `agree` say whether it may be passed on.
"""

from __future__ import annotations

from typing import Final, NamedTuple

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


class ArchivedMessage(NamedTuple):
    """A message in the order in which history sends its columns; without user, text, name and role if it was removed.

    Of a control message, `text` is what it says, as JSON.
    """

    number: int
    posted_ms: int
    kind: str
    user_id: str | None
    text: str | None
    name: str | None
    role: str | None


_COLUMNS: Final = len(ArchivedMessage._fields)  # a later version of history may send more


class Archived(NamedTuple):
    """What history has under a number, None for nothing, and which message removed it.

    `through` is how far the shard was archived then.
    """

    message: ArchivedMessage | None
    deleted_by: int | None
    through: int


async def archived(connection: Client, shard: int, number: int, video: str) -> Archived:
    """Return what history has of a video under a number. Raises `ArchiveSilentError`."""
    asked = {"video": video, "after": number - 1, "upto": number, "limit": 1}
    try:
        reply = await connection.request(subjects.history(shard), orjson.dumps(asked), timeout=ASK_S)
        answer = orjson.loads(reply.data)
        if "error" in answer:
            raise ArchiveSilentError
        messages = [ArchivedMessage(*row[:_COLUMNS]) for row in answer["comments"]]
        message = next((one for one in messages if one.number == number), None)
        return Archived(message, answer.get("deletedBy", {}).get(str(number)), int(answer["through"]))
    except (nats.errors.Error, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArchiveSilentError from error


async def belongs(connection: Client, shard: int, number: int, message: Outgoing) -> bool:
    """Return whether a number stands for this comment: the same user's same text on the same video.

    Raises `ArchiveSilentError`.
    """
    there = await _known(connection, shard, number, subjects.video_of(message.subject))
    if there is None or there.kind != COMMENT_KIND or message.kind is not None:
        return False
    comment = orjson.loads(message.payload)
    # A deleted comment has no text any more; it was this video's all the same.
    return there.user_id is None or (there.user_id, there.text) == (comment["userId"], comment["message"])


async def agree(connection: Client, shard: int, number: int, message: Outgoing) -> bool:
    """Return whether a number stands for the same message of a comment's video in the stream and in the archive.

    Raises `ArchiveSilentError`.
    """
    video = subjects.video_of(message.subject)
    there = await _known(connection, shard, number, video)
    try:
        stored = await jetstream.message_at(connection, shard, number)
    except StoreError as error:
        raise ArchiveSilentError from error
    if stored is None:
        return there is not None
    return there is not None and (subjects.video_of(stored.subject), stored.posted_ms) == (video, there.posted_ms)


async def _known(connection: Client, shard: int, number: int, video: str) -> ArchivedMessage | None:
    found = await archived(connection, shard, number, video)
    if found.through < number:
        raise ArchiveSilentError
    return found.message
