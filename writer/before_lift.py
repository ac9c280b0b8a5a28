"""Whether a number from before a lift is still a comment's own.

A shard that is lifted forgets its messages, but JetStream remembers their ids for a while: also those of comments that
an old copy of the stream gave a number to that stood for another comment already. A repeat of such a comment is
answered with that number. What the number stands for is asked of history.
"""

from __future__ import annotations

from typing import Final

import nats.errors
import orjson
from nats.aio.client import Client

from runtime.jetstream import Outgoing
from wire import subjects
from wire.comment import COMMENT_KIND

ASK_S: Final = 2.0


class ArchiveSilentError(Exception):
    """History cannot say what the number stands for."""


async def belongs(connection: Client, shard: int, number: int, message: Outgoing) -> bool:
    """Return whether a number stands for this comment: the same user's same text on the same video.

    Raises `ArchiveSilentError`.
    """
    asked = {"video": subjects.video_of(message.subject), "after": number - 1, "upto": number, "limit": 1}
    try:
        reply = await connection.request(subjects.history(shard), orjson.dumps(asked), timeout=ASK_S)
        answer = orjson.loads(reply.data)
        if "error" in answer or answer["through"] < number:
            raise ArchiveSilentError
        comment = orjson.loads(message.payload)
        for found, _, kind, user, text, *_ in answer["comments"]:
            # A deleted comment has no text any more; it was this video's all the same.
            if found == number and kind == COMMENT_KIND:
                return user is None or (user, text) == (comment["userId"], comment["message"])
    except (nats.errors.Error, OSError, ValueError, KeyError, TypeError) as error:
        raise ArchiveSilentError from error
    return False
