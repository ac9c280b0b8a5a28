"""What a round costs JetStream, as one atomic batch and as single publishes, by its size; and reading it back.

It says why `writer/batch.py` sends a dozen or more as a batch, and fewer one by one.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from statistics import median
from typing import Final

from bench.figure import Figure
from bench.write.line import Found, Line, Run
from runtime import jetstream
from runtime.jetstream import Outgoing, Publisher, Reader
from runtime.settings import Settings
from wire import subjects
from wire.comment import encode_payload
from wire.headers import own_id
from wire.video import shard_of
from writer.batch import ATOMIC_FROM

SIZES: Final = (1, 4, 8, 12, 16, 32, 100, 500)  # comments in a round
ALSO_AS_SINGLES: Final = 100  # comments; above that a batch is cheaper many times over
TIMES: Final = 20  # each size and way, in turns
READ_BACK: Final = 1_000  # messages by one Direct Get
READS: Final = 10
VIDEO: Final = "rounds"


def measure(run: Run) -> Found:
    """Store rounds of each size both ways in turns, and read the last ones back."""
    return asyncio.run(_measure(run))


async def _measure(run: Run) -> Found:
    shard = shard_of(VIDEO, Settings().shards)
    connection = await jetstream.connect(Settings(nats_url=run.system.nats_url), "bench")
    try:
        publisher, reader = Publisher(connection), Reader(connection)
        await reader.start()
        batches: dict[int, list[float]] = {size: [] for size in SIZES}
        singles: dict[int, list[float]] = {size: [] for size in SIZES if size <= ALSO_AS_SINGLES}
        for turn, size in itertools.product(range(TIMES), SIZES):
            run.say(f"turn {turn + 1}, {size} comments")
            batches[size].append(await _stored_ms(publisher, shard, size, atomic=True))
            if size in singles:
                singles[size].append(await _stored_ms(publisher, shard, size, atomic=False))
        begin = await reader.newest_of_shard(shard) - READ_BACK
        reads = [await _read_ms(reader, shard, begin) for _ in range(READS)]
    finally:
        await jetstream.close(connection)
    crossing = next((size for size in singles if median(batches[size]) < median(singles[size])), None)
    return Found(
        [],  # no aim: `writer/batch.py` goes by what is found here
        [
            f"ms by size, as a batch: {_by_size(batches)}; as singles: {_by_size(singles)}",
            f"a batch is sooner from {crossing} comments on (the writer sends batches from {ATOMIC_FROM} on)",
            f"{READ_BACK:,} messages by one Direct Get: {median(reads):.1f} ms",
        ],
        {"batch_ms": batches, "singles_ms": singles, "direct_get_ms": reads},
        [
            Figure("a batch of 100, stored", "ms", batches[100]),
            Figure("one comment, stored", "ms", singles[1]),
            Figure(f"{READ_BACK} messages by Direct Get", "ms", reads),
        ],
    )


async def _stored_ms(publisher: Publisher, shard: int, size: int, *, atomic: bool) -> float:
    messages = [
        Outgoing(subjects.comments(shard, VIDEO), encode_payload("author", f"what a goal, number {n}!"), own_id())
        for n in range(size)
    ]
    began = time.perf_counter()
    if atomic:
        await publisher.batch(messages)
    else:
        await asyncio.gather(*map(publisher.one, messages))
    return (time.perf_counter() - began) * 1000


async def _read_ms(reader: Reader, shard: int, begin: int) -> float:
    began = time.perf_counter()
    messages, _ = await reader.after(shard, VIDEO, begin, READ_BACK)
    took_ms = (time.perf_counter() - began) * 1000
    assert len(messages) == READ_BACK
    return took_ms


def _by_size(times: dict[int, list[float]]) -> str:
    return ", ".join(f"{size}: {median(each):.1f}" for size, each in times.items())


LINE: Final = Line("rounds", "what a round costs, by its size", measure)
