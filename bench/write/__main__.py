"""`livecomments bench --only write`: what it costs to take comments, to archive them and to page through them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console

from bench import machine
from bench.fanout.scenario import Verdict
from bench.fanout.table import print_verdicts
from bench.figure import Figure
from bench.write import lines
from bench.write.line import Run
from bench.write.system import running_system
from bench.write.wrk import WrkMissingError, check_wrk

RESULTS = Path("bench-results")


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--quick", is_flag=True, help="Half as long, and each measured once.")
@click.option("--long", "long_too", is_flag=True, help="Also pages out of a table of 10 million rows.")
@click.option("--only", multiple=True, type=click.Choice([one.name for one in lines.ALL]), help="Only these.")
@click.option("--rounds", type=click.IntRange(min=1), help="How often to measure what is compared.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), default=RESULTS / "write.json")
def main(*, quick: bool, long_too: bool, only: Sequence[str], rounds: int | None, json_file: Path) -> None:
    """Measure the write path, the archive and history, of a cluster of its own, beside a plain Quart route.

    All parts and the load share two cores. Times depend on the machine and on what else it does: compare figures of one
    run.
    """
    try:
        check_wrk()
    except WrkMissingError as error:
        raise click.ClickException(str(error)) from None
    console = Console(width=None if sys.stdout.isatty() else 140)
    verdicts: list[Verdict] = []
    figures: dict[str, Any] = {}
    measured: list[Figure] = []
    with running_system() as system:
        console.print(f"all parts and the load: cores {', '.join(map(str, system.cores))}")
        for line in lines.ALL:
            if only and line.name not in only:
                continue
            with console.status(line.title) as status:
                run = Run(system, quick, long_too, lambda text: status.update(f"{line.title}: {text}"), rounds)  # noqa: B023
                found = line.measure(run)
            for remark in found.remarks:
                console.print(f"{line.title}: {remark}", markup=False, highlight=False)
            verdicts += found.verdicts
            figures[line.name] = found.figures
            measured += found.measured
    print_verdicts(console, verdicts)
    json_file.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "machine": machine.describe(),
        "verdicts": [asdict(verdict) for verdict in verdicts],
        "lines": figures,
        "figures": [asdict(figure) for figure in measured],
    }
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS
    json_file.write_bytes(orjson.dumps(document, option=options))
    console.print(f"figures: {json_file}")
    sys.exit(0 if all(verdict.met is not False for verdict in verdicts) else 1)


if __name__ == "__main__":
    main()
