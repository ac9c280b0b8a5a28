"""The viewers: one or more processes of `viewers.c`, as one."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any, Final

import orjson

from bench.fanout.child import end, spawn
from bench.fanout.lab import Lab

MAX_PER_PROCESS: Final = 15_000  # a process may have 20,000 files here, and an address has 28,000 ports
ANSWER_TIMEOUT_S: Final = 30
OPEN_TIMEOUT_S: Final = 120
ASK_AGAIN_S: Final = 0.05
FIRST_ADDRESS: Final = 2  # 127.0.0.2 and up


@dataclass(frozen=True, slots=True)
class Crowd:
    """Who watches what. Rooms are `first_room` to `first_room + rooms - 1`, in turn."""

    viewers: int
    rooms: int = 1
    first_room: int = 0
    per_s: int = 2_000  # connections opened a second; 0: all at once
    last_id: int | None = None
    served_at: int = 0  # comments after which a viewer counts as served

    def split(self) -> list[Crowd]:
        """Return it in parts that each fit into a process. Viewers of several rooms must fit into one."""
        parts = -(-self.viewers // MAX_PER_PROCESS)
        sizes = [self.viewers // parts + (part < self.viewers % parts) for part in range(parts)]
        per_s = -(-self.per_s // parts)
        return [Crowd(size, self.rooms, self.first_room, per_s, self.last_id, self.served_at) for size in sizes]

    def viewers_of(self) -> Counter[int]:
        """Return how many watch each room."""
        rooms: Counter[int] = Counter()
        for part in self.split():
            for place in range(part.rooms):
                rooms[part.first_room + place] += -(-(part.viewers - place) // part.rooms)
        return rooms


@dataclass(frozen=True, slots=True)
class Latencies:
    """A histogram: how many arrived within a number of microseconds, 3 % wide."""

    counts: Counter[int]

    def ms(self, percent: float) -> float:
        """Return the latency that `percent` of the comments did not exceed; NaN when there were none."""
        wanted = sum(self.counts.values()) * percent / 100
        seen = 0
        for upper_us in sorted(self.counts):
            seen += self.counts[upper_us]
            if seen >= wanted:
                return upper_us / 1000
        return math.nan


@dataclass(frozen=True, slots=True)
class Report:
    """What viewers counted. `events`, `pieces` and latencies since the mark, the rest since they were opened."""

    connections: int
    answered: int  # how many have a head, or none to be expected
    open_s: float  # until the last one of them, once that is all
    refused: int
    closed: int
    disorder: int
    events: int
    pieces: int  # reads that had at least one comment: at most as many as the server's writes
    least: int  # events of the viewer that had fewest
    most: int
    received: int
    received_least: int
    served: int
    last_served_s: float
    cpu_s: float
    latencies: Latencies


class Load:
    """Viewers that are connected to one port."""

    def __init__(self, processes: list[Process], viewers: int) -> None:
        self._processes = processes
        self._viewers = viewers

    async def open(self) -> float:
        """Connect all, and return how many seconds that took, until the last one had its head.

        Raises `RuntimeError` when one was refused, or had no answer in time.
        """
        await self.begin_to_open()
        async with asyncio.timeout(OPEN_TIMEOUT_S):
            while (report := await self.report()).answered < self._viewers:  # noqa: ASYNC110  it is another process
                await asyncio.sleep(ASK_AGAIN_S)
        if report.refused:
            raise RuntimeError(f"{report.refused} viewers were refused")
        return report.open_s

    async def begin_to_open(self) -> None:
        """Connect all, and do not wait for it."""
        await self._ask("open")

    async def mark(self) -> None:
        """Begin to count anew."""
        await self._ask("mark")

    async def report(self) -> Report:
        """Return what was counted."""
        answers = await self._ask("report")
        latencies: Counter[int] = Counter()
        for answer in answers:
            latencies.update(dict(answer["histogram"]))

        def total(key: str) -> int:
            return sum(answer[key] for answer in answers)

        return Report(
            connections=total("connections"),
            answered=total("answered"),
            open_s=max(answer["open_s"] for answer in answers),
            refused=total("refused"),
            closed=total("closed"),
            disorder=total("disorder"),
            events=total("events"),
            pieces=total("pieces"),
            least=min(answer["least"] for answer in answers),
            most=max(answer["most"] for answer in answers),
            received=total("received"),
            received_least=min(answer["received_least"] for answer in answers),
            served=total("served"),
            last_served_s=max(answer["last_served_s"] for answer in answers),
            cpu_s=sum(answer["cpu_s"] for answer in answers),
            latencies=Latencies(latencies),
        )

    async def received(self, owed: int, timeout_s: float) -> Report:
        """Wait until the viewers have `owed` comments altogether, or no longer; return what they have."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + timeout_s
        while True:
            report = await self.report()
            if report.received >= owed or loop.time() > give_up:
                return report
            await asyncio.sleep(ASK_AGAIN_S)

    async def _ask(self, line: str) -> list[dict[str, Any]]:
        return list(await asyncio.gather(*(_ask(process, line) for process in self._processes)))


@contextlib.asynccontextmanager
async def crowd_at(lab: Lab, port: int, path: str, crowd: Crowd) -> AsyncIterator[Load]:
    """Have viewers of a server for as long as the block lasts; `open` connects them."""
    async with contextlib.AsyncExitStack() as stack:
        processes: list[Process] = []
        for part in crowd.split():
            process = await _start(lab, port, path, part)
            stack.push_async_callback(end, process)
            processes.append(process)
        yield Load(processes, crowd.viewers)


async def _start(lab: Lab, port: int, path: str, part: Crowd) -> Process:
    address = f"127.0.0.{FIRST_ADDRESS + next(_ADDRESSES) % 250}"
    options: Iterable[str] = (
        *("-p", str(port), "-u", path, "-n", str(part.viewers), "-f", str(part.first_room), "-r", str(part.rooms)),
        *("-s", address, "-R", str(part.per_s), "-k", str(part.served_at)),
        *(("-i", str(part.last_id)) if part.last_id is not None else ()),
    )
    log = lab.folder / "viewers.log"
    return await spawn(str(lab.programs.viewers), *options, core=lab.cores.load, log=log, talks=True)


_ADDRESSES = itertools.count()  # each process connects from another one: ports of closed connections rest for a minute


async def _ask(process: Process, line: str) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line.encode() + b"\n")
    answer = await asyncio.wait_for(process.stdout.readline(), ANSWER_TIMEOUT_S)
    if not answer:
        raise RuntimeError("the viewers' process has ended")
    said: dict[str, Any] = orjson.loads(answer)
    return said
