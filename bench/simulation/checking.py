"""The same figures out of the simulation and out of a run of `livecomments bench`: how far may the one be believed?

Of an edge's pace, what goes in is CPU: the prices that explain best what the measurements cost. What is compared is
time, and how many comments shared a write. The time before and after the edge (publishing, NATS, the viewers' own
reading) is taken from the paces at which nothing shares a write, and grows as a queue's with how busy the load's core
is; of those paces the median is not compared. Percentiles are the 50th and the 90th: in the two seconds of a
measurement, the 99th of a hundred comments is one pause of the machine. Left out, and told, is what was measured while
the load's own core was busy, and what cost far more or less than its price: something disturbed it.

How many viewers an edge takes back a second is taken from a storm of a third of the size. What a small world does
(`small_world.py`) is simulated without anything being taken from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
from scipy.optimize import nnls

from bench.fanout.peers.ours import Ours
from bench.fanout.scenarios.reconnect_storm import COMING_BACK, FEWER, all_served
from bench.simulation import storm as storms
from bench.simulation.pace import Paced, simulate
from bench.simulation.storm import World, at_once
from bench.suite.result import Result
from wire.sampling import Sampler

WITHIN: Final = 0.2
SCENARIOS: Final = ("busy_room", "knee")
RECORDED: Final = Path(__file__).with_name("measured.json")
SHARING: Final = 1.05  # comments a write, below which nothing shares one
LOAD_BUSY: Final = 0.5  # share of the load's core, above which it makes comments as late as the edge does
DISTURBED: Final = 1.35  # times its price
SECONDS: Final = 4  # that are simulated
RETURNS_PER_S: Final = 1_000  # of one edge, where too few come for it to matter
FIRST_NUMBER: Final = 1_790_000_000_000_000
US: Final = 1_000_000

Row = dict[str, Any]  # of a scenario of the fan-out (`bench/fanout/measure.py`)


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


@dataclass(frozen=True, slots=True)
class Prices:
    """CPU of an edge in µs: a write, a further comment in it, and a comment that comes in, whoever watches."""

    write_us: float
    further_us: float
    comment_us: float

    def cpu_s(self, row: Row) -> float:
        """Return what a measurement should have cost."""
        writes, further, comments = _amounts(row)
        return (writes * self.write_us + further * self.further_us + comments * self.comment_us) / US


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of an edge's pace: the rows that count, and those that do not, each with the reason."""

    prices: Prices
    rows: Sequence[Row]
    left_out: Sequence[tuple[Row, str]]


def compare(run: Result) -> list[Compared]:
    """Return every figure that both have."""
    return [*_pace(run), *_storm(run), *_world(run)]


def recorded(run: Result) -> Result:
    """Return of a run what the simulation is held against, and nothing else."""
    parts: dict[str, Any] = {}
    served = [all_served(viewers) for viewers in (FEWER, COMING_BACK)]
    for name, part in run.document["parts"].items():
        rows = [
            row
            for result in run.results(name)
            for row in result.get("rows", ())
            if row["scenario"] in SCENARIOS and row["server"] == Ours.name
        ]
        figures = [
            figure for result in run.results(name) for figure in result.get("figures", ()) if figure["name"] in served
        ]
        worlds = [{"world": one["world"]} for one in run.results(name) if "world" in one]
        if rows or figures or worlds:
            results = [{"rows": rows, "figures": figures}, *worlds]
            parts[name] = {"seconds": part["seconds"], "failed": None, "results": results}
    return Result({**run.document, "parts": parts})


def measured(run: Result) -> Measured:
    """Return what a run has measured of an edge's pace."""
    rows = [row for name in SCENARIOS for row in run.rows(name) if row["server"] == Ours.name]
    if not rows:
        return Measured(Prices(0, 0, 0), (), ())
    found = prices(rows)
    # Once more without what was disturbed, which would shift them.
    found = prices([row for row in rows if _is_near(row, found)])
    good: list[Row] = []
    left_out: list[tuple[Row, str]] = []
    for row in rows:
        if row["missing"] or row["load_busy"] > LOAD_BUSY:
            left_out.append((row, f"the load's own core was {row['load_busy']:.0%} busy"))
        elif not _is_near(row, found):
            times = row["cpu_s"] / found.cpu_s(row)
            left_out.append((row, f"something disturbed it: its CPU was {times:.2f} times its price"))
        else:
            good.append(row)
    return Measured(found, good, left_out)


def prices(rows: Sequence[Row]) -> Prices:
    """Return the prices that explain best, relatively, what measurements cost; none is below nothing."""
    amounts = np.array([[amount / row["cpu_s"] / US for amount in _amounts(row)] for row in rows])
    found, _ = nnls(amounts, np.ones(len(rows)))
    return Prices(*map(float, found))


def percentile_ms(row: Row, percent: float) -> float:
    """Return a percentile out of a measurement's histogram. Raises `ValueError` for an empty one."""
    wanted, seen = sum(count for _, count in row["histogram"]) * percent / 100, 0
    for upper_us, count in sorted(row["histogram"]):
        seen += count
        if seen >= wanted:
            return float(upper_us) / 1000
    raise ValueError("an empty histogram has no percentiles")


def shown_per_s(per_s: float, readable_rate: float, seconds: float = 60) -> float:
    """Return the comments a second that a viewer is shown, by the real sampler (`wire/sampling.py`)."""
    sampler = Sampler(readable_rate)
    shown = [sampler.shows(FIRST_NUMBER + index, round(index / per_s * 1000)) for index in range(int(per_s * seconds))]
    late = shown[int(2 * per_s) :]  # a sampler looks back two seconds
    return sum(late) / len(late) * per_s


def _amounts(row: Row) -> tuple[float, float, float]:
    return row["writes"], row["delivered"] - row["writes"], row["comments_per_s"] * row["seconds"]


def _is_near(row: Row, found: Prices) -> bool:
    return bool(1 / DISTURBED <= row["cpu_s"] / found.cpu_s(row) <= DISTURBED)


def _idle(row: Row) -> float:
    """Return which share of the load's core was idle: what waits there waits as many times longer."""
    return float(1 - row["load_busy"])


def _pace(run: Result) -> Iterator[Compared]:
    found = measured(run)
    alone = [row for row in found.rows if row["delivered"] / row["writes"] < SHARING]
    if not alone:
        return
    base_ms = median((percentile_ms(row, 50) - _paced(row, found.prices).p50_ms) * _idle(row) for row in alone)
    for row in found.rows:
        paced = _paced(row, found.prices, max(0.0, base_ms) / _idle(row))
        name = name_of(row)
        yield Compared(f"{name}: p90 ms", paced.p90_ms, percentile_ms(row, 90))
        if row not in alone:
            yield Compared(f"{name}: p50 ms", paced.p50_ms, percentile_ms(row, 50))
            yield Compared(f"{name}: comments a write", paced.comments_a_write, row["delivered"] / row["writes"])


def name_of(row: Row) -> str:
    """Return what a measurement was, in a few words."""
    return f"{row['viewers']:,} viewers, {row['comments_per_s']:,g}/s"


def _paced(row: Row, found: Prices, base_ms: float = 0.0) -> Paced:
    return simulate(
        row["viewers"],
        row["comments_per_s"],
        SECONDS,
        found.write_us,
        found.further_us,
        us_per_comment=found.comment_us,
        base_ms=base_ms,
    )


def _storm(run: Result) -> Iterator[Compared]:
    served = {figure.name: figure.numbers for figures in run.figures().values() for figure in figures}
    fewer, all_of_them = (served.get(all_served(viewers)) for viewers in (FEWER, COMING_BACK))
    if fewer and all_of_them:
        simulated_s = at_once(COMING_BACK, FEWER / fewer[0])
        yield Compared(f"{COMING_BACK:,} back at once, from what {FEWER:,} took: s", simulated_s, all_of_them[0])


def _world(run: Result) -> Iterator[Compared]:
    found = [one["world"] for part in run.document["parts"] for one in run.results(part) if "world" in one]
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
