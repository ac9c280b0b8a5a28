"""The usual Quart edge: a queue and a generator for each viewer. Fed by the same live copies as this project's edge."""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import AsyncGenerator
from typing import Final

from nats.aio.msg import Msg
from quart import Quart, Response

import nats
from runtime.jetstream import stored_message
from wire import sse, subjects
from wire.comment import event_data

QUEUE_COMMENTS: Final = 1_000  # a viewer that is further behind misses some

app = Quart(__name__)
rooms: defaultdict[str, set[asyncio.Queue[bytes]]] = defaultdict(set)


@app.before_serving
async def listen() -> None:
    """Hear every comment."""
    connection = await nats.connect(os.environ["NATS_URL"])
    await connection.subscribe(subjects.live(0, "*"), cb=heard)


async def heard(message: Msg) -> None:
    """Put a comment into the queue of every viewer of its video."""
    stored = stored_message(message)
    frame = sse.comment_event(stored.number, event_data(stored.number, stored.posted_ms, stored.payload))
    for queue in rooms[subjects.video_of(stored.subject)]:
        if not queue.full():
            queue.put_nowait(frame)


@app.get("/comments/<video>/stream")
async def stream(video: str) -> Response:
    """Stream a video's comments."""

    async def frames() -> AsyncGenerator[bytes, None]:
        queue: asyncio.Queue[bytes] = asyncio.Queue(QUEUE_COMMENTS)
        rooms[video].add(queue)
        try:
            yield sse.HEARTBEAT
            while True:
                yield await queue.get()
        finally:
            rooms[video].discard(queue)

    response = Response(frames(), content_type=sse.CONTENT_TYPE, headers={"Cache-Control": "no-store"})
    response.timeout = None
    return response
