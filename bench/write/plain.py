"""The same service in the plainest way: a Quart route that publishes once and inserts once for each comment.

Like the real one it checks the token and stores on disk before it answers. It has no limits, no idempotency, and no
refusals but its framework's.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

import asyncpg
import jwt
import orjson
from quart import Quart, ResponseReturnValue, request

import nats

STREAM: Final = "plain"
TABLE: Final = """
    CREATE TABLE IF NOT EXISTS plain_comments (
        comment_id bigint PRIMARY KEY, video_id text, user_id text, message text, posted_ms bigint
    )
"""
INSERT: Final = "INSERT INTO plain_comments VALUES ($1, $2, $3, $4, $5)"

SECRET: Final = Path(os.environ.get("PLAIN_SECRET_FILE", os.devnull)).read_text("utf-8").strip()

app = Quart(__name__)


@app.before_serving
async def start() -> None:
    """Connect."""
    connection = await nats.connect(os.environ["PLAIN_NATS"])
    app.stream = connection.jetstream()  # type: ignore[attr-defined]
    await app.stream.add_stream(name=STREAM, subjects=[f"{STREAM}.*"])  # type: ignore[attr-defined]
    app.pool = await asyncpg.create_pool(os.environ["PLAIN_POSTGRES"])  # type: ignore[attr-defined]
    await app.pool.execute(TABLE)  # type: ignore[attr-defined]


@app.post("/comments/<video>")
async def post(video: str) -> ResponseReturnValue:
    """Store a comment."""
    token = request.headers["Authorization"].removeprefix("Bearer ")
    user: str = jwt.decode(token, SECRET, algorithms=["HS256"])["sub"]
    message: str = (await request.get_json())["message"]
    payload = orjson.dumps({"userId": user, "message": message})
    stored = await app.stream.publish(f"{STREAM}.{video}", payload)  # type: ignore[attr-defined]
    await app.pool.execute(INSERT, stored.seq, video, user, message, round(time.time() * 1000))  # type: ignore[attr-defined]
    return {"commentId": str(stored.seq)}, 201
