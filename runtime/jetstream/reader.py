"""Reading the streams of the shards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from nats.aio.client import Client

from runtime.jetstream.calls import api, kept, message_at, request
from runtime.jetstream.direct_get import DirectGet
from runtime.jetstream.errors import error_of
from runtime.jetstream.messages import Kept, Stored, StreamState
from wire import headers, subjects
from wire.comment import posted_ms

MULTI_LAST_MAX: Final = 1_000  # the server answers 413 above 1,024 subjects


class Reader:
    """Reads the streams of the shards, on a connection of its own so that live messages do not wait behind it."""

    def __init__(self, connection: Client) -> None:
        self._connection = connection
        self._direct_get = DirectGet(connection)

    async def start(self) -> None:
        """Listen for answers; once per reader."""
        await self._direct_get.start()

    async def after(self, shard: int, video: str, number: int, limit: int) -> tuple[list[Stored], int]:
        """Return up to `limit` messages above `number` in order, and how many more the stream holds after them.

        `video` is a video id, or `*` for all of the shard's. Trimmed messages are missing without a word: ask
        `state` afterwards for the stream's first number. Raises `StoreAwayError`, `StoreError`.
        """
        return await self.kept_after(subjects.stream_name(shard), subjects.comments(shard, video), number, limit)

    async def kept_after(self, stream: str, subject: str, number: int, limit: int) -> tuple[list[Stored], int]:
        """Return the same of any stream, of messages under a subject. Raises `StoreAwayError`, `StoreError`."""
        return await self._direct_get.ask(stream, {"seq": number + 1, "batch": limit, "next_by_subj": subject})

    async def since(self, shard: int, video: str, since_ms: int, limit: int) -> tuple[list[Stored], int]:
        """Return up to `limit` messages that were stored at a time or later; otherwise as `after`."""
        start = datetime.fromtimestamp(since_ms / 1000, UTC).isoformat(timespec="milliseconds")
        wanted = {"start_time": start, "batch": limit, "next_by_subj": subjects.comments(shard, video)}
        return await self._direct_get.ask(subjects.stream_name(shard), wanted)

    async def one(self, shard: int, number: int) -> Stored | None:
        """Return one message, None where there is none. A replica may answer that lags behind its leader."""
        return await message_at(self._connection, shard, number)

    async def held(self, shard: int, number: int) -> Kept | None:
        """Return one message as the stream's leader has it, None where it has none."""
        return await kept(self._connection, subjects.stream_name(shard), {"seq": number})

    async def newest_of(self, shard: int, videos: Sequence[str], above: int = 0) -> dict[str, Stored]:
        """Return the newest message of each of up to `MULTI_LAST_MAX` videos that has one above a number in the stream.

        A replica may answer that lags behind its leader.
        """
        wanted: dict[str, Any] = {"multi_last": [subjects.comments(shard, video) for video in videos]}
        wanted["batch"] = len(videos)
        if above:
            wanted["seq"] = above + 1
        messages, _ = await self._direct_get.ask(subjects.stream_name(shard), wanted)
        return {subjects.video_of(message.subject): message for message in messages}

    async def newest(self, shard: int, video: str) -> int | None:
        """Return the newest number of a video as the stream's leader knows it, None if the stream holds none."""
        return await self._number(shard, {"last_by_subj": subjects.comments(shard, video)})

    async def following(self, shard: int, video: str, number: int) -> int | None:
        """Return the first number of a video above `number` as the stream's leader knows it, None if there is none."""
        return await self._number(shard, {"seq": number + 1, "next_by_subj": subjects.comments(shard, video)})

    async def newest_of_shard(self, shard: int) -> int:
        """Return the newest number of a shard's stream, 0 when it is empty. A replica may lag behind its leader."""
        wanted = orjson.dumps({"last_by_subj": subjects.comments(shard, "*")})
        reply = await request(self._connection, f"$JS.API.DIRECT.GET.{subjects.stream_name(shard)}", wanted)
        return int((reply.headers or {}).get(headers.SEQUENCE, "0"))

    async def state(self, shard: int) -> StreamState:
        """Return the first and last number of a shard's stream. Raises `StoreAwayError`, `StreamMissingError`."""
        state = await self._info(shard)
        first_ms = posted_ms(state["first_ts"]) if state["messages"] else None
        return StreamState(state["first_seq"], state["last_seq"], state["bytes"], first_ms)

    async def deleted(self, shard: int) -> set[int]:
        """Return the numbers that were deleted from the middle of a shard's stream."""
        return set((await self._info(shard, {"deleted_details": True})).get("deleted") or ())

    async def _number(self, shard: int, wanted: dict[str, Any]) -> int | None:
        found = await kept(self._connection, subjects.stream_name(shard), wanted)
        return found.number if found is not None else None

    async def _info(self, shard: int, wanted: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = await api(self._connection, f"STREAM.INFO.{subjects.stream_name(shard)}", wanted)
        if "error" in answer:
            raise error_of(answer["error"])
        state: dict[str, Any] = answer["state"]
        return state
