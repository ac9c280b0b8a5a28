"""`python -m bench.simulation`: edges that fail, from what can be measured here up to what cannot."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import orjson
from rich.console import Console
from rich.table import Table

from bench.capacity import costs as priced
from bench.capacity.model import viewers_per_edge
from bench.capacity.policy import Policy
from bench.simulation.checking import RECORDED, Compared, compare, measured, name_of, recorded
from bench.simulation.picture import agreement_svg, storms_svg
from bench.simulation.storm import Storm, World, simulate
from bench.suite.result import read, together


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--viewers", default=10_000, type=click.IntRange(min=1), help="At the smallest size.")
@click.option("--steps", default=4, type=click.IntRange(1, 5), help="Sizes, each ten times the one before.")
@click.option("--viewers-per-video", default=50, type=click.IntRange(min=1))
@click.option("--rate", default=2.0, type=click.FloatRange(min=0), help="Comments a second on each video.")
@click.option("--failing", default=0.02, type=click.FloatRange(0, 0.5), help="Share of the edges that fail at once.")
@click.option("--costs", "costs_file", type=click.Path(path_type=Path), default=priced.RECORDED, show_default=False)
@click.option(
    "--against",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Hold the simulation against this run of 'livecomments bench'; parts of several make one.",
)
@click.option("--picture", "picture_file", type=click.Path(path_type=Path), help="Draw it here, as SVG.")
@click.option("--record", is_flag=True, help="Keep what it was held against, for tests to do the same.")
def main(
    *,
    viewers: int,
    steps: int,
    viewers_per_video: int,
    rate: float,
    failing: float,
    costs_file: Path,
    against: Sequence[Path],
    picture_file: Path | None,
    record: bool,
) -> None:
    """Simulate edges that fail at once, and their viewers who come back by the real rule, by factors of ten.

    With --against: hold the simulation against what was measured, and fail where a figure differs by more than a fifth.
    """
    console = Console(width=None if sys.stdout.isatty() else 130)
    costs, policy = priced.read(costs_file), Policy()
    if against:
        run = together([read(file) for file in against])
        found = compare(run)
        _print_compared(console, found)
        for row, why in measured(run).left_out:
            console.print(f"left out: {name_of(row)}: {why}", markup=False, highlight=False)
        if picture_file is not None:
            picture_file.write_text(agreement_svg(found), "utf-8")
        if record:
            RECORDED.write_bytes(orjson.dumps(recorded(run).document, option=orjson.OPT_APPEND_NEWLINE))
            console.print(f"recorded in {RECORDED.name}")
        sys.exit(0 if all(one.agrees for one in found) else 1)
    table = Table(title=f"{failing:.0%} of the edges fail at once, the fullest ones", title_justify="left")
    for heading in (
        "viewers",
        "edges",
        "lost",
        "fullest edge",
        "half back",
        "99 % back",
        "all back",
        "queue",
        "refused",
        "polling",
    ):
        table.add_column(heading, justify="right")
    storms: list[tuple[int, Storm]] = []
    for step in range(steps):
        many = viewers * 10**step
        edges = max(3, math.ceil(many / viewers_per_edge(costs, policy, rate) / policy.utilisation))
        world = World(
            viewers=many,
            videos=max(1, many // viewers_per_video),
            edges=edges,
            failing=max(1, round(edges * failing)),
            returns_per_s=costs.edge_returns_per_s,
        )
        storm = simulate(world)
        storms.append((many, storm))
        table.add_row(
            *(f"{many:,}", f"{edges:,}", f"{storm.lost:,}", f"{storm.highest_load / storm.mean_load:.2f} × mean"),
            *(f"{storm.share_s(percent):.1f} s" for percent in (50, 99, 100)),
            *(f"{storm.deepest_queue:,}", f"{storm.refused:,}", f"{storm.polling:,}"),
        )
    console.print(table)
    if picture_file is not None:
        picture_file.write_text(storms_svg(storms), "utf-8")


def _print_compared(console: Console, found: Sequence[Compared]) -> None:
    table = Table(title="Simulated and measured", title_justify="left")
    for heading in ("what", "simulated", "measured", "ratio", "within a fifth"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    for one in found:
        agrees = "yes" if one.agrees else "no"
        table.add_row(one.what, f"{one.simulated:.3g}", f"{one.measured:.3g}", f"{one.ratio:.2f}", agrees)
    console.print(table)
    console.print(f"{sum(one.agrees for one in found)} of {len(found)} within a fifth")


if __name__ == "__main__":
    main()
