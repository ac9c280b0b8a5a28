"""How fast the archive catches up: it stands still while comments are stored, and then goes on."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import time
from collections.abc import Sequence
from typing import Final

import asyncpg

from bench.fanout.scenario import Verdict
from bench.figure import Figure
from bench.write.line import Found, Line, Run
from bench.write.system import Window
from runtime import jetstream
from runtime.jetstream import Outgoing, Publisher
from runtime.settings import Settings
from wire import subjects
from wire.comment import encode_payload
from wire.video import shard_of

REACH_PER_S: Final = 20_000
COMMENTS: Final = 100_000
BATCH: Final = 500
VIDEOS: Final = 200
LOOK_S: Final = 0.02
TIMEOUT_S: Final = 120


def measure(run: Run) -> Found:
    """Stop the archiver, store comments past the writer, and let it go on."""
    return asyncio.run(_measure(run))


async def _measure(run: Run) -> Found:
    system = run.system
    shards = Settings().shards
    database = await asyncpg.connect(system.postgres_dsn)
    connection = await jetstream.connect(Settings(nats_url=system.nats_url), "bench")
    rates, costs = [], {}
    try:
        for turn in range(run.rounds):
            run.say(f"storing, turn {turn + 1}")
            archivers = system.pids("archivers")
            _signal(archivers, signal.SIGSTOP)
            try:
                last = await _store(connection, shards, COMMENTS // run.rounds)
            finally:
                window = Window(system)
                began = time.perf_counter()
                _signal(archivers, signal.SIGCONT)
            run.say(f"catching up, turn {turn + 1}")
            await _caught_up(database, last)
            rates.append(COMMENTS // run.rounds / (time.perf_counter() - began))
            costs = window.close().us_each(COMMENTS // run.rounds)
    finally:
        await jetstream.close(connection)
        await database.close()
    best = max(rates)
    return Found(
        [
            Verdict(
                "archive catching up after an outage",
                f"≥ {REACH_PER_S:,} rows/s",
                f"{best:,.0f} rows/s",
                best >= REACH_PER_S,
            )
        ],
        [
            "catching up, each turn: "
            + ", ".join(f"{rate:,.0f}" for rate in rates)
            + " rows/s; µs of CPU a row: "
            + ", ".join(f"{part} {costs[part]}" for part in ("archivers", "postgres", "nats"))
        ],
        {"rows_per_s": rates, "us": costs},
        [Figure("rows archived a second, catching up", "1/s", rates, "higher")],
    )


async def _store(connection: object, shards: int, comments: int) -> dict[int, int]:
    """Store comments in every shard; returns the last number of each."""
    publisher = Publisher(connection)  # type: ignore[arg-type]
    videos = [f"catch-{index}" for index in range(VIDEOS)]
    of_shard = {shard: [video for video in videos if shard_of(video, shards) == shard] for shard in range(shards)}

    async def one_shard(shard: int) -> tuple[int, int]:
        last = 0
        for _ in range(comments // shards // BATCH):
            acks = await publisher.batch([_message(shard, of_shard[shard], index) for index in range(BATCH)])
            last = acks[-1].number
        return shard, last

    return dict(await asyncio.gather(*(one_shard(shard) for shard in range(shards))))


def _message(shard: int, videos: Sequence[str], index: int) -> Outgoing:
    payload = encode_payload(f"author-{index}", "what a goal, unbelievable scenes here tonight!")
    return Outgoing(subjects.comments(shard, videos[index % len(videos)]), payload, secrets.token_urlsafe(16))


async def _caught_up(database: asyncpg.Connection, last: dict[int, int]) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            rows = await database.fetch("SELECT shard, through FROM archive_position")
            if all(row["through"] >= last.get(row["shard"], 0) for row in rows):
                return
            await asyncio.sleep(LOOK_S)


def _signal(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        os.kill(pid, number)


LINE: Final = Line("catching-up", "the archive catches up", measure)
