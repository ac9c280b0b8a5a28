"""The same figures out of the simulation and out of a run of `livecomments bench`: how far may the one be believed?

What goes in is the price of a write and of a further comment in it, from one scenario; what is compared comes from
others. The time that lies before and after the edge (publishing, NATS, the viewers' own reading) is taken from the
slowest pace, where nothing waits for anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.fanout.peers.ours import Ours
from bench.fanout.scenarios.reconnect_storm import COMING_BACK, FEWER, all_served
from bench.simulation import storm as storms
from bench.simulation.pace import simulate
from bench.simulation.storm import World, at_once
from bench.suite.result import Result
from wire.sampling import Sampler

WITHIN: Final = 0.2
SCENARIOS: Final = ("one_write", "busy_room", "knee")
RECORDED: Final = Path(__file__).with_name("measured.json")
RETURNS_PER_S: Final = 1_000  # of one edge, where too few come for it to matter
FIRST_NUMBER: Final = 1_790_000_000_000_000


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
    return [*_pace(result), *_storm(result), *_world(result)]


def recorded(run: Result) -> Result:
    """Return of a run what the simulation is held against, and nothing else."""
    parts: dict[str, Any] = {}
    for name in run.document["parts"]:
        rows = [
            {**row, "histogram": []}
            for result in run.results(name)
            for row in result.get("rows", ())
            if row["scenario"] in SCENARIOS and row["server"] == Ours.name
        ]
        storms_found = [
            figure
            for result in run.results(name)
            for figure in result.get("figures", ())
            if figure["name"] in map(all_served, (FEWER, COMING_BACK))
        ]
        results = [{"rows": rows, "figures": storms_found}, *(one for one in run.results(name) if "world" in one)]
        if rows or storms_found or len(results) > 1:
            parts[name] = {"seconds": run.document["parts"][name]["seconds"], "failed": None, "results": results}
    return Result({**run.document, "parts": parts})


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


def _storm(result: Result) -> Iterator[Compared]:
    served = {figure.name: figure.numbers for figures in result.figures().values() for figure in figures}
    fewer, all_of_them = (served.get(all_served(viewers)) for viewers in (FEWER, COMING_BACK))
    if fewer and all_of_them:
        simulated_s = at_once(COMING_BACK, FEWER / fewer[0])
        yield Compared(f"{COMING_BACK:,} back at once, from what {FEWER:,} took: s", simulated_s, all_of_them[0])


def _world(result: Result) -> Iterator[Compared]:
    found = [one["world"] for part in result.document["parts"] for one in result.results(part) if "world" in one]
    for world in found:
        viewers, edges = world["viewers"], world["edges"]
        storm = storms.simulate(World(viewers, world["videos"], edges, failing=1, returns_per_s=RETURNS_PER_S))
        name = f"{viewers:,} viewers, {edges} edges"
        fullest = max(world["loads"]) / (sum(world["loads"]) / edges)
        yield Compared(f"{name}: fullest edge, × mean", storm.highest_load_before / storm.mean_load, fullest)
        yield Compared(f"{name}: half back after s", storm.share_s(50), world["half_back_s"])
        yield Compared(f"{name}: 99 % back after s", storm.share_s(99), world["most_back_s"])
        yield Compared(
            f"{world['hot_per_s']} comments/s, {world['readable_rate']} readable: shown a second",
            shown_per_s(world["hot_per_s"], world["readable_rate"]),
            world["shown_per_s"],
        )


def shown_per_s(per_s: float, readable_rate: float, seconds: float = 60) -> float:
    """Return the comments a second that a viewer is shown, by the real sampler (`wire/sampling.py`)."""
    sampler = Sampler(readable_rate)
    shown = [sampler.shows(FIRST_NUMBER + index, round(index / per_s * 1000)) for index in range(int(per_s * seconds))]
    late = shown[int(2 * per_s) :]  # a sampler looks back two seconds
    return sum(late) / len(late) * per_s
