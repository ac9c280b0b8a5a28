"""The command `livecomments bench`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.table import Table

from bench.suite import costs
from bench.suite.compare import Compared, compare
from bench.suite.parts import PARTS
from bench.suite.plots import all_plots
from bench.suite.report import page
from bench.suite.result import Result, read, together
from bench.suite.running import run_all

RESULTS: Final = Path("bench-results")


@click.command(name="bench", context_settings={"show_default": True})
@click.option("--quick", is_flag=True, help="Less than ten minutes altogether; without it, about half an hour.")
@click.option("--only", multiple=True, type=click.Choice([part.name for part in PARTS]), help="Only these parts.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), default=RESULTS / "bench.json")
@click.option("--report", "report_file", type=click.Path(path_type=Path), default=RESULTS / "bench.html")
@click.option(
    "--against",
    multiple=True,
    type=click.Path(path_type=Path),
    help="An earlier run to hold this one against; several count together.",
)
@click.option(
    "--from",
    "from_files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Measure nothing: report this earlier run; parts of several make one.",
)
@click.option("--pictures", type=click.Path(path_type=Path), help="Write each plot into this folder, as SVG.")
@click.option(
    "--costs",
    "costs_file",
    type=click.Path(path_type=Path),
    help="Write what the capacity model needs: what was measured.",
)
def bench(
    *,
    quick: bool,
    only: Sequence[str],
    json_file: Path,
    report_file: Path,
    against: Sequence[Path],
    from_files: Sequence[Path],
    pictures: Path | None,
    costs_file: Path | None,
) -> None:
    """Measure what it costs and how fast it is, beside other servers and earlier runs.

    Writes every figure as JSON with the machine's description, and a report with plots. Ends with status 1 when a part
    could not be measured; aims that a busy machine did not reach are told and are no failure.
    """
    console = Console(width=None if sys.stdout.isatty() else 140)
    earlier = [read(file) for file in against]
    if from_files:
        result = together([read(file) for file in from_files])
    else:
        chosen = [part for part in PARTS if not only or part.name in only]
        if quick and (long_only := [part.name for part in chosen if part.name in only and not part.is_quick]):
            raise click.UsageError(f"{', '.join(long_only)}: only without --quick")
        result = run_all(console, chosen, quick=quick, keep=lambda so_far: so_far.write(json_file))
        console.print(f"figures: {json_file}")
    compared = compare(earlier, result)
    report_file.parent.mkdir(parents=True, exist_ok=True)
    report_file.write_text(page(result, compared, [str(file) for file in against]), "utf-8")
    console.print(f"report:  {report_file}")
    if pictures is not None:
        pictures.mkdir(parents=True, exist_ok=True)
        for name, _, picture in all_plots(result):
            (pictures / f"{name}.svg").write_text(picture, "utf-8")
        console.print(f"plots:   {pictures}")
    if costs_file is not None:
        costs.write(costs_file, result)
        console.print(f"costs:   {costs_file}")
    _print_verdicts(console, result)
    if against:
        _print_compared(console, compared)
    sys.exit(1 if result.failures() else 0)


def _print_verdicts(console: Console, result: Result) -> None:
    table = Table(title="To reach", title_justify="left")
    for heading in ("what", "reach", "measured", ""):
        table.add_column(heading)
    said = {True: "[green]met", False: "[red]short", None: ""}
    for one in result.verdicts():
        table.add_row(one["what"], one["reach"], one["measured"], said[one["met"]])
    console.print(table)


def _print_compared(console: Console, compared: Sequence[Compared]) -> None:
    table = Table(title="Held against earlier", title_justify="left")
    for heading in ("what", "ratio", "95 %", "p", ""):
        table.add_column(heading)
    for one in compared:
        p = "" if one.p != one.p else f"{one.p:.3f}"
        table.add_row(one.name, f"{one.ratio:.2f} ×", f"{one.low:.2f}–{one.high:.2f}", p, one.verdict)
    console.print(table)
