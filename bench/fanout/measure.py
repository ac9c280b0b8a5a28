"""One measurement: one server, one load, one row of figures."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from bench.fanout import cores, usage
from bench.fanout.load import Crowd, Load, crowd_at
from bench.fanout.pace import Pace
from bench.fanout.peers.peer import Peer

SETTLE_S: Final = 0.7  # after the viewers are connected
WARM_UP_S: Final = 1.0
LAST_ONES_TIMEOUT_S: Final = 3.0
FIRST_VIEWERS: Final = 50  # come and go first, so that what a server loads once is not counted as a viewer's
US: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Plan:
    """A load: who watches, and what is published for how long."""

    crowd: Crowd
    per_s: float  # comments a second, over all rooms
    seconds: float  # measured, after the warm-up

    @property
    def videos(self) -> list[str]:
        """Return the videos that comments go to."""
        return [f"room-{room}" for room in range(self.crowd.first_room, self.crowd.first_room + self.crowd.rooms)]


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of one server under one load, while it lasted."""

    scenario: str
    server: str
    viewers: int
    rooms: int
    comments_per_s: float
    seconds: float
    delivered: int
    writes: int  # to sockets: comments delivered, over the coalescing that the server counts; without that, as many
    cpu_s: float
    resident_kb_per_viewer: float
    kernel_kb_per_socket: float
    p50_ms: float
    p99_ms: float
    p999_ms: float
    missing: int  # comments owed to viewers, and not there some seconds after the end
    disorder: int
    opened_per_s: float
    load_busy: float  # share of the load's core that was busy: near 1, the load was the limit
    others_busy: float  # share of the server's core that went to anybody else
    histogram: tuple[
        tuple[int, int], ...
    ] = ()  # microseconds that a latency did not exceed, and how many were in there

    @property
    def us_per_write(self) -> float:
        """Return the CPU time of a write to a socket."""
        return self.cpu_s / self.writes * US if self.writes else float("nan")

    @property
    def us_per_delivery(self) -> float:
        """Return the CPU time of a comment delivered to a viewer."""
        return self.cpu_s / self.delivered * US if self.delivered else float("nan")

    @property
    def delivered_per_core_s(self) -> float:
        """Return the comments delivered for each second of CPU time."""
        return self.delivered / self.cpu_s if self.cpu_s else float("nan")

    @property
    def clean(self) -> bool:
        """Whether every viewer had every comment, in order."""
        return not (self.missing or self.disorder)


@dataclass(frozen=True, slots=True)
class Opened:
    """A server with its viewers connected, and what they cost it."""

    peer: Peer
    load: Load
    crowd: Crowd
    resident_kb_per_viewer: float
    kernel_kb_per_socket: float
    opened_per_s: float


@contextlib.asynccontextmanager
async def running(peer: Peer) -> AsyncIterator[Peer]:
    """Run a server for as long as the block lasts, warm."""
    try:
        await peer.start()
        async with crowd_at(peer.lab, peer.port, peer.path, Crowd(FIRST_VIEWERS)) as first:
            await first.open()
        await asyncio.sleep(SETTLE_S)
        yield peer
    finally:
        await peer.stop()


@contextlib.asynccontextmanager
async def opened(peer: Peer, crowd: Crowd) -> AsyncIterator[Opened]:
    """Keep viewers connected to a server that runs, for as long as the block lasts."""
    resident_kb, kernel_kb = usage.resident_kb(peer.pids()), usage.kernel_kb()
    async with crowd_at(peer.lab, peer.port, peer.path, crowd) as load:
        seconds = await load.open()
        await asyncio.sleep(SETTLE_S)
        yield Opened(
            peer,
            load,
            crowd,
            resident_kb_per_viewer=(usage.resident_kb(peer.pids()) - resident_kb) / crowd.viewers,
            kernel_kb_per_socket=(usage.kernel_kb() - kernel_kb) / (2 * crowd.viewers),
            opened_per_s=crowd.viewers / seconds,
        )


async def measure(scenario: str, peer: Peer, plan: Plan) -> Row:
    """Measure a server of its own under a load."""
    async with running(peer), opened(peer, plan.crowd) as those:
        return await measure_open(scenario, those, plan)


async def measure_open(scenario: str, those: Opened, plan: Plan, warm_up_s: float = WARM_UP_S) -> Row:
    """Measure a server whose viewers are connected: publish, and count from the middle of it."""
    peer, load = those.peer, those.load
    before = await load.report()
    pace = Pace(peer.publish, plan.videos, plan.per_s)
    try:
        await asyncio.sleep(warm_up_s)
        await pace.between()
        counted = await peer.counted()
        await pace.between()
        await load.mark()
        window = _Window(peer)
        await asyncio.sleep(plan.seconds)
        await pace.between()
        figures = window.close()
        report = await load.report()
        counted_now = await peer.counted()
    finally:
        await pace.stop()
    owed = sum(pace.published[f"room-{room}"] * viewers for room, viewers in plan.crowd.viewers_of().items())
    end = await load.received(before.received + owed, LAST_ONES_TIMEOUT_S)
    coalescing = (counted_now - counted).comments_a_write if counted and counted_now else 1.0
    return Row(
        scenario=scenario,
        server=peer.name,
        viewers=plan.crowd.viewers,
        rooms=plan.crowd.rooms,
        comments_per_s=plan.per_s,
        seconds=figures.seconds,
        delivered=report.events,
        writes=round(report.events / coalescing),
        cpu_s=figures.cpu_s,
        resident_kb_per_viewer=those.resident_kb_per_viewer,
        kernel_kb_per_socket=those.kernel_kb_per_socket,
        p50_ms=report.latencies.ms(50),
        p99_ms=report.latencies.ms(99),
        p999_ms=report.latencies.ms(99.9),
        missing=max(0, before.received + owed - end.received),
        disorder=end.disorder,
        opened_per_s=those.opened_per_s,
        load_busy=figures.load_busy,
        others_busy=figures.others_busy,
        histogram=tuple(sorted(report.latencies.counts.items())),
    )


@dataclass(frozen=True, slots=True)
class _Figures:
    seconds: float
    cpu_s: float
    load_busy: float
    others_busy: float


class _Window:
    """What a server and the two cores did between its making and `close`."""

    def __init__(self, peer: Peer) -> None:
        self._pids = peer.pids()
        self._cores = peer.lab.cores
        self._began = self._now()

    def close(self) -> _Figures:
        seconds, cpu_s, server_s, load_s = (now - then for now, then in zip(self._now(), self._began, strict=True))
        return _Figures(seconds, cpu_s, load_s / seconds, max(0.0, server_s - cpu_s) / seconds)

    def _now(self) -> tuple[float, float, float, float]:
        return (
            time.perf_counter(),
            usage.cpu_s(self._pids),
            cores.busy_s(self._cores.server),
            cores.busy_s(self._cores.load),
        )
