"""`make bench-check`: that nothing has become slower, as ratios that hold on any machine.

Times depend on the machine and on its day; a ratio to a bare loop in C, or to a plain Quart route, measured in turns in
the same run, far less. `bench/ratios.json` has the recorded ones, each with the margin that it may differ by, in both
directions: one that is far better than recorded is to be recorded anew, or else nothing would keep it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import click
import orjson
from rich.console import Console
from rich.table import Table

from bench.figure import Figure
from bench.suite.parts import Part, Step
from bench.suite.result import Result, read
from bench.suite.running import run_all

RATIOS: Final = Path(__file__).resolve().parents[1] / "ratios.json"
NOBODY_ELSE: Final = ("--server", "only the bare loop and this edge")

WRITE: Final = "a socket write, of the bare C loop's"
DELIVERY: Final = "a delivery in a busy room, of a write of the bare C loop's"
COMMENT: Final = "a comment at the writer, of a plain Quart route's"

_BARE: Final = "CPU a socket write: bare C send loop"
_BUSY: Final = "CPU a delivery, 500 comments/s: this edge"
_PLAIN: Final = "… of a plain Quart route's"

PARTS: Final = (
    Part(
        "fanout",
        "this edge beside the bare C loop",
        (
            Step(
                "bench.fanout",
                (),
                ("--only", "one_write", "--only", "busy_room", "--rounds", "7", *NOBODY_ELSE),
                65,
                65,
            ),
        ),
    ),
    Part(
        "write",
        "the writer beside a plain Quart route",
        (Step("bench.write", (), ("--only", "per-comment", "--quick", "--rounds", "5"), 50, 50),),
    ),
)


@dataclass(frozen=True, slots=True)
class Checked:
    """A ratio, what was recorded, and by how much it may differ: 0.2 is a fifth, up or down."""

    name: str
    measured: float
    recorded: float
    margin: float

    @property
    def verdict(self) -> str:
        """Return 'as recorded', 'slower' or 'faster'."""
        if self.measured > self.recorded * (1 + self.margin):
            return "slower"
        return "faster" if self.measured < self.recorded / (1 + self.margin) else "as recorded"


def ratios(result: Result) -> dict[str, float]:
    """Return the ratios that a run has measured. Raises `KeyError` for one that is missing."""
    figures: dict[str, Figure] = {figure.name: figure for some in result.figures().values() for figure in some}
    middle = {name: median(figure.numbers) for name, figure in figures.items() if figure.numbers}
    return {WRITE: middle[WRITE], DELIVERY: middle[_BUSY] / middle[_BARE], COMMENT: middle[_PLAIN]}


def check(measured: dict[str, float], recorded: dict[str, Any]) -> list[Checked]:
    """Hold what was measured against what was recorded."""
    return [Checked(name, measured[name], float(one["ratio"]), float(one["margin"])) for name, one in recorded.items()]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--record", is_flag=True, help="Write what is measured to bench/ratios.json; the margins stay.")
@click.option(
    "--from",
    "from_file",
    type=click.Path(path_type=Path),
    help="Measure nothing: take the ratios out of this run of 'livecomments bench', or of this command.",
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), default=Path("bench-results/check.json"))
def main(*, record: bool, from_file: Path | None, json_file: Path) -> None:
    """Measure three ratios in two minutes, and fail when one is outside of its margin."""
    console = Console(width=None if sys.stdout.isatty() else 120)
    recorded: dict[str, Any] = orjson.loads(RATIOS.read_bytes())
    if from_file is not None:
        result = read(from_file)
    else:
        result = run_all(console, PARTS, quick=True)
        result.write(json_file)
    if result.failures():
        raise click.ClickException("a part could not be measured")
    measured = ratios(result)
    checked = check(measured, recorded)
    table = Table(title="Ratios", title_justify="left")
    for heading in ("what", "measured", "recorded", "may differ by", ""):
        table.add_column(heading)
    for one in checked:
        colour = "green" if one.verdict == "as recorded" else "red"
        table.add_row(
            one.name,
            f"{one.measured:.3f} ×",
            f"{one.recorded:.3f} ×",
            f"{one.margin:.0%}",
            f"[{colour}]{one.verdict}",
        )
    console.print(table)
    if record:
        document = {name: {**one, "ratio": round(measured[name], 4)} for name, one in recorded.items()}
        RATIOS.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        console.print(f"recorded in {RATIOS.name}")
        return
    if any(one.verdict != "as recorded" for one in checked):
        console.print("outside of the margins. Better for good? Then: make bench-check ARGS=--record")
        sys.exit(1)


if __name__ == "__main__":
    main()
