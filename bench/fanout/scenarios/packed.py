"""What compressing once for all viewers saves in bytes, and what it costs in CPU: the same edge with and without it.

The viewers are bare connections that read and forget, as what is measured is the edge's own time and what it writes.
Texts are those of the plan of `bench/latency.py`: like a chat, and no easier to compress.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import statistics
from collections.abc import AsyncIterator
from typing import ClassVar, Final

from bench.fanout import usage
from bench.fanout.measure import running
from bench.fanout.peers.ours import Ours
from bench.fanout.scenario import Outcome, Run, Scenario, Verdict
from bench.figure import Figure
from bench.plan import TEXTS

VIEWERS: Final = 500
RATES: Final = (5, 50, 500)  # comments a second
SECONDS: Final = 3
ROUNDS: Final = 3
PIECE_BYTES: Final = 256 * 1024
US: Final = 1_000_000


class Packing(Ours):
    """This edge, with compressed streams."""

    name = "this edge, compressed once"
    further: ClassVar[dict[str, str]] = {"COMPRESS": "1"}


async def _run(run: Run) -> Outcome:
    verdicts: list[Verdict] = []
    figures: list[Figure] = []
    chance = random.Random(1)
    async with contextlib.AsyncExitStack() as stack:
        edges: list[Ours] = []
        for kind in (Ours, Packing):
            edge = kind(run.lab)
            await stack.enter_async_context(running(edge))
            await stack.enter_async_context(_crowd(edge, gzip=kind is Packing))
            edges.append(edge)
        for per_s in RATES:
            found: dict[str, list[tuple[float, float]]] = {edge.name: [] for edge in edges}
            for turn in range(run.rounds or ROUNDS):
                for edge in edges:
                    run.say(f"{edge.name}, {per_s} comments/s, {turn + 1}")
                    found[edge.name].append(await _measure(run, edge, per_s, chance))
            plain, packed = (found[edge.name] for edge in edges)
            saved = 1 - statistics.median(p[0] / q[0] for p, q in zip(packed, plain, strict=True))
            times = statistics.median(p[1] / q[1] for p, q in zip(packed, plain, strict=True))
            verdicts.append(
                Verdict(
                    f"compressed once, {per_s} comments/s", "–", f"{saved:.0%} of bytes, CPU {times:.2f} ×", met=True
                )
            )
            for name, several in found.items():
                figures.append(Figure(f"bytes a delivery, {per_s}/s: {name}", "B", [one[0] for one in several]))
                figures.append(Figure(f"CPU a delivery, {per_s}/s: {name}", "µs", [one[1] for one in several]))
    return Outcome([], verdicts, figures=figures)


async def _measure(run: Run, edge: Ours, per_s: int, chance: random.Random) -> tuple[float, float]:
    """Return the bytes and the microseconds of CPU of one delivery."""
    loop = asyncio.get_running_loop()
    before, written, cpu_s = await edge.counted(), await edge.written_bytes(), usage.cpu_s(edge.pids())
    began = loop.time()
    async with asyncio.TaskGroup() as publishing:
        for index in range(per_s * SECONDS):
            await asyncio.sleep(max(0.0, began + index / per_s - loop.time()))
            publishing.create_task(run.lab.store.publish("room-0", f"{chance.choice(TEXTS)} {chance.randrange(1000)}"))
    await asyncio.sleep(0.5)
    after = await edge.counted()
    assert before is not None
    assert after is not None
    delivered = max(1.0, after.delivered - before.delivered)
    return (await edge.written_bytes() - written) / delivered, (usage.cpu_s(edge.pids()) - cpu_s) / delivered * US


@contextlib.asynccontextmanager
async def _crowd(edge: Ours, *, gzip: bool) -> AsyncIterator[None]:
    """Hold connections that read and forget."""
    head = (
        f"GET {edge.path % 0} HTTP/1.1\r\nHost: edge\r\n{'Accept-Encoding: gzip' if gzip else 'X-Plain: yes'}\r\n\r\n"
    )

    async def forget(reader: asyncio.StreamReader) -> None:
        while await reader.read(PIECE_BYTES):
            pass

    async with contextlib.AsyncExitStack() as stack:
        for _ in range(VIEWERS):
            reader, writer = await asyncio.open_connection("127.0.0.1", edge.port)
            stack.callback(writer.close)
            writer.write(head.encode())
            stack.callback(asyncio.create_task(forget(reader)).cancel)
        await asyncio.sleep(1)
        yield


SCENARIO: Final = Scenario("packed", f"Compressed once for {VIEWERS:,} viewers", _run, long=True)
