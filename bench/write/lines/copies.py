"""What a live copy costs nats-server: the same load with and without subscribers to all of it, who read and forget."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import urlsplit

import orjson

from bench.fanout.scenario import Verdict
from bench.figure import Figure
from bench.write import wrk
from bench.write.line import Found, Line, Run
from bench.write.system import US, Window

SUBSCRIBERS: Final = 40
CONNECTIONS: Final = 64
PER_S: Final = 400
SECONDS: Final = 4.0
PIECE_BYTES: Final = 256 * 1024


def measure(run: Run) -> Found:
    """Measure in turns, with and without."""
    costs: list[float] = []
    for turn in range(run.rounds):
        run.say(f"turn {turn + 1}")
        alone_s, count = asyncio.run(_nats_s(run, 0))
        with_s, count_with = asyncio.run(_nats_s(run, SUBSCRIBERS))
        costs.append((with_s / count_with - alone_s / count) / SUBSCRIBERS * US)
    middle = sorted(costs)[len(costs) // 2]
    return Found(
        [Verdict("CPU of nats-server a live copy", "–", f"{middle:.1f} µs", met=True)],
        figures={"us": costs},
        measured=[Figure("CPU of nats-server a live copy", "µs", costs)],
    )


async def _nats_s(run: Run, subscribers: int) -> tuple[float, int]:
    """Return the CPU seconds that nats-server took, and for how many comments."""
    system = run.system
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(subscribers):
            await stack.enter_async_context(_listening(system.nats_url))
        window = Window(system)
        answers = await asyncio.to_thread(
            wrk.posts, system.gateway, system.authors_file, run.seconds(SECONDS), CONNECTIONS, per_s=PER_S
        )
        return window.close().parts["nats"], answers.count(201, 202)


@contextlib.asynccontextmanager
async def _listening(url: str) -> AsyncIterator[None]:
    """Subscribe to every live copy on a bare socket: a client library would cost more than what is measured."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    said = {"verbose": False, "user": address.username, "pass": address.password, "headers": True}
    writer.write(b"CONNECT " + orjson.dumps(said) + b"\r\nSUB live.> 1\r\nPING\r\n")

    async def forget() -> None:
        while piece := await reader.read(PIECE_BYTES):
            if b"PING\r\n" in piece:
                writer.write(b"PONG\r\n")

    reading = asyncio.create_task(forget())
    try:
        yield
    finally:
        reading.cancel()
        writer.close()


LINE: Final = Line("copies", "what a live copy costs nats-server", measure)
