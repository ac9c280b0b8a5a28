"""The same figures out of the simulation and out of a run of `livecomments bench`: how far may the one be believed?

What goes in is the price of a write and of a further comment in it, from one scenario; what is compared comes from
others. The time that lies before and after the edge (publishing, NATS, the viewers' own reading) is taken from the
slowest pace, where nothing waits for anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench.fanout.peers.ours import Ours
from bench.simulation.pace import simulate
from bench.suite.result import Result

WITHIN = 0.2


@dataclass(frozen=True, slots=True)
class Compared:
    """A figure, simulated and measured."""

    what: str
    simulated: float
    measured: float

    @property
    def ratio(self) -> float:
        """Return how much larger the simulated one is."""
        return self.simulated / self.measured if self.measured else float("nan")

    @property
    def agrees(self) -> bool:
        """Whether both are within a fifth of each other."""
        return 1 - WITHIN <= self.ratio <= 1 + WITHIN


def compare(result: Result) -> list[Compared]:
    """Return every figure that both have."""
    return list(_pace(result))


def prices_us(result: Result) -> tuple[float, float]:
    """Return the CPU of a write, and of a further comment in it."""
    one = next(row for row in result.rows("one_write") if row["server"] == Ours.name)
    busy = next(row for row in result.rows("busy_room") if row["server"] == Ours.name)
    a_write = busy["delivered"] / busy["writes"]
    further = (busy["us_per_delivery"] * a_write - one["us_per_write"]) / max(1.0, a_write - 1)
    return one["us_per_write"], max(0.0, further)


def _pace(result: Result) -> Iterator[Compared]:
    write_us, further_us = prices_us(result)
    rows: list[dict[str, Any]] = [row for row in result.rows("knee") if row["server"] == Ours.name]
    rows += [row for row in result.rows("busy_room") if row["server"] == Ours.name]
    if not rows:
        return
    slowest = min(rows, key=lambda row: row["comments_per_s"])
    alone = simulate(slowest["viewers"], slowest["comments_per_s"], 4, write_us, further_us)
    base_ms = max(0.0, slowest["p50_ms"] - alone.p50_ms)
    for row in rows:
        if row is slowest or row["missing"] or row["load_busy"] > 0.95:
            continue  # what viewers could not take in time says nothing of the edge
        found = simulate(row["viewers"], row["comments_per_s"], 4, write_us, further_us, base_ms)
        name = f"{row['viewers']:,} viewers, {row['comments_per_s']:g} comments/s"
        yield Compared(f"{name}: p50 ms", found.p50_ms, row["p50_ms"])
        yield Compared(f"{name}: p99 ms", found.p99_ms, row["p99_ms"])
        yield Compared(f"{name}: comments a write", found.comments_a_write, row["delivered"] / row["writes"])
