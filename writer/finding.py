"""A comment that is to be removed: whose it is, and whether that was done already.

The stream's leader is asked, and history for what the stream does not hold any more. Whose a removed comment was is
said by the control message that removed it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from nats.aio.client import Client

from runtime import jetstream
from runtime.jetstream import StoreError
from wire import subjects
from wire.comment import COMMENT_KIND, decode_payload
from wire.control import BAN, DELETE
from wire.problem import Refused
from wire.video import shard_of
from wire.video_state import NOTHING, Removal, VideoState
from writer.asking_history import Archived, ArchiveSilentError, archived
from writer.batcher import Batcher


@dataclass(frozen=True, slots=True)
class Found:
    """A comment. `user_id` is None where only the message that removed it (`deleted_by`) says whose it was.

    `removal` is what that message makes of the video's state, as far as it is known here.
    """

    user_id: str | None
    posted_ms: int
    deleted_by: int | None = None
    removal: VideoState = NOTHING


class Finding:
    """Finds comments. One batcher for each shard, which says how far its numbers go."""

    def __init__(self, connection: Client, batchers: Sequence[Batcher]) -> None:
        self._connection = connection
        self._batchers = batchers

    async def comment(self, video: str, number: int, state: VideoState) -> Found:
        """Return a comment of a video whose state is known. Raises `Refused`: `no_comment`, `unavailable`."""
        shard = shard_of(video, len(self._batchers))
        kept = await self._kept(shard, number)
        alone = state.removed.get(number)
        if kept is None:
            if alone is not None:
                return Found(None, 0, alone.number, _one(number, alone))
            return await self._archived_comment(shard, video, number)
        if kept.subject != subjects.comments(shard, video) or kept.kind is not None:
            raise Refused("no_comment")
        try:
            comment = decode_payload(number, kept.posted_ms, kept.payload)
        except ValueError:
            raise Refused("no_comment") from None
        of_user = state.removed_users.get(comment.user_id)
        if alone is not None:
            return Found(comment.user_id, kept.posted_ms, alone.number, _one(number, alone))
        if of_user is not None and number < of_user.number:
            removal = VideoState(of_user.number, removed_users={comment.user_id: of_user})
            return Found(comment.user_id, kept.posted_ms, of_user.number, removal)
        return Found(comment.user_id, kept.posted_ms)

    async def author_of_removed(self, video: str, by: int) -> str | None:
        """Return whose comment a control message removed, None where it does not say.

        Raises `Refused` (`unavailable`).
        """
        shard = shard_of(video, len(self._batchers))
        kept = await self._kept(shard, by)
        if kept is not None:
            kind, payload = (kept.kind if kept.subject == subjects.comments(shard, video) else None), kept.payload
        else:
            message = (await self._archived(shard, video, by)).message
            kind, payload = (message.kind, (message.text or "").encode()) if message is not None else (None, b"")
        if kind not in (DELETE, BAN):
            return None
        try:
            detail = orjson.loads(payload)
        except ValueError:
            return None
        author = detail.get("userId") if isinstance(detail, dict) else None
        return author if isinstance(author, str) else None

    async def _kept(self, shard: int, number: int) -> jetstream.Kept | None:
        try:
            return await jetstream.kept(self._connection, subjects.stream_name(shard), {"seq": number})
        except StoreError:
            raise Refused("unavailable") from None

    async def _archived_comment(self, shard: int, video: str, number: int) -> Found:
        found = await self._archived(shard, video, number)
        if found.message is not None and found.message.kind == COMMENT_KIND:
            return Found(found.message.user_id, found.message.posted_ms, found.deleted_by)
        if found.through < number <= self._batchers[shard].continuity.known:
            raise Refused("unavailable")  # it may have been deleted a moment ago, and is not archived yet
        raise Refused("no_comment")

    async def _archived(self, shard: int, video: str, number: int) -> Archived:
        try:
            return await archived(self._connection, shard, number, video)
        except ArchiveSilentError:
            raise Refused("unavailable") from None


def _one(number: int, removal: Removal) -> VideoState:
    return VideoState(removal.number, removed={number: removal})
