"""How many bytes a comment takes in the stream and in Postgres, indexes included, and how many one stream stores."""

from __future__ import annotations

import asyncio
import secrets
import time
from statistics import median
from typing import Any, Final

import asyncpg

from bench.fanout.scenario import Verdict
from bench.figure import Figure
from bench.write import wrk
from bench.write.line import Found, Line, Run
from runtime import jetstream
from runtime.jetstream import Outgoing, Publisher
from runtime.settings import Settings
from wire import subjects
from wire.comment import encode_payload
from wire.video import shard_of

CONNECTIONS: Final = 128
SECONDS: Final = 4.0
VIDEO: Final = "one-stream"
TEXT: Final = "what a goal, unbelievable scenes here tonight!"
BATCH: Final = 250
BATCHES: Final = 40
ROWS: Final = """
    SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint AS bytes FROM pg_class
    WHERE relkind IN ('r', 'p') AND relname LIKE 'comments%'
"""


def measure(run: Run) -> Found:
    """Post, and see by how much both have grown."""
    return asyncio.run(_measure(run))


async def _measure(run: Run) -> Found:
    system = run.system
    database: Any = await asyncpg.connect(system.postgres_dsn)
    connection = await jetstream.connect(Settings(nats_url=system.nats_url), "bench")
    try:
        before = await _now(database, connection)
        await asyncio.to_thread(wrk.posts, system.gateway, system.authors_file, SECONDS, CONNECTIONS)
        await asyncio.sleep(2)  # until all of it is archived
        after = await _now(database, connection)
        per_s = [await _one_stream(connection) for _ in range(run.rounds)]
    finally:
        await jetstream.close(connection)
        await database.close()
    messages, in_stream, rows, in_postgres = (now - then for now, then in zip(after, before, strict=True))
    each = {"stream": in_stream / max(1, messages), "postgres": in_postgres / max(1, rows)}
    return Found(
        [
            Verdict("bytes of a comment in JetStream", "–", f"{each['stream']:.0f}", met=True),
            Verdict("… in Postgres, with its index", "–", f"{each['postgres']:.0f}", met=True),
            Verdict("comments a second that one stream stores", "–", f"{median(per_s):,.0f}", met=True),
        ],
        figures={"bytes": each, "comments": rows, "stream_per_s": per_s},
        measured=[
            Figure("bytes of a comment in JetStream", "B", [each["stream"]]),
            Figure("bytes of a comment in Postgres, with its index", "B", [each["postgres"]]),
            Figure("comments a second that one stream stores", "1/s", per_s, "higher"),
        ],
    )


async def _one_stream(connection: Any) -> float:
    """Store comments in atomic batches, one after the other as a writer does. Return how many a second."""
    publisher, subject = Publisher(connection), subjects.comments(shard_of(VIDEO, Settings().shards), VIDEO)
    payload, began = encode_payload("author", TEXT), time.perf_counter()
    for _ in range(BATCHES):
        await publisher.batch([Outgoing(subject, payload, secrets.token_hex(8)) for _ in range(BATCH)])
    return BATCHES * BATCH / (time.perf_counter() - began)


async def _now(database: Any, connection: Any) -> tuple[int, int, int, int]:
    messages = in_stream = 0
    for shard in range(Settings().shards):
        state = (await jetstream.api(connection, f"STREAM.INFO.{subjects.stream_name(shard)}"))["state"]
        messages, in_stream = messages + state["messages"], in_stream + state["bytes"]
    rows = await database.fetchval("SELECT count(*) FROM comments")
    return messages, in_stream, rows, await database.fetchval(ROWS)


LINE: Final = Line("sizes", "what a comment takes on disk", measure)
