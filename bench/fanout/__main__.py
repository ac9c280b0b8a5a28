"""`livecomments bench --only fanout`: this edge beside others, in one run and on the same load."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import orjson
import uvloop
from rich.console import Console

from bench import machine
from bench.fanout import cores, peers, scenarios
from bench.fanout.lab import Lab
from bench.fanout.measure import Row
from bench.fanout.peers.bare import Bare
from bench.fanout.peers.ours import Ours
from bench.fanout.peers.peer import Peer
from bench.fanout.picture import draw
from bench.fanout.programs import compile_programs
from bench.fanout.scenario import Outcome, Run, Scenario, Verdict
from bench.fanout.store import running_store
from bench.fanout.table import print_rows, print_verdicts
from bench.figure import Figure

RESULTS = Path("bench-results")


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--quick", is_flag=True, help="Shorter measurements, each server once.")
@click.option("--long", "long_too", is_flag=True, help="Also the storm, the flat cost and the 100,000 viewers.")
@click.option("--only", multiple=True, type=click.Choice([one.name for one in scenarios.ALL]), help="Only these.")
@click.option(
    "--server", "servers", multiple=True, help="Beside the bare loop and this edge, only servers named like this."
)
@click.option("--rounds", type=click.IntRange(min=1), help="How often to measure what is compared.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), default=RESULTS / "fanout.json")
@click.option("--picture", "picture_file", type=click.Path(path_type=Path), default=RESULTS / "fanout.svg")
def main(
    *,
    quick: bool,
    long_too: bool,
    only: Sequence[str],
    servers: Sequence[str],
    rounds: int | None,
    json_file: Path,
    picture_file: Path,
) -> None:
    """Measure what it costs to write comments to many viewers: this edge, a bare C loop, and others.

    The server that is measured has a core for itself; the viewers, the publisher and nats-server share another one.
    Times depend on the machine and on what else it does: compare figures of one run.
    """
    chosen = [one for one in scenarios.ALL if (one.name in only if only else long_too or not one.long)]
    console = Console(width=None if sys.stdout.isatty() else 200)
    here = tuple(peer for peer in _those_here(console, servers) if not (quick and peer in peers.QUICK_WITHOUT))
    rows, verdicts, figures = uvloop.run(_measure(console, chosen, here, quick=quick, rounds=rounds))
    print_verdicts(console, verdicts)
    _write(
        json_file,
        orjson.dumps(_as_json(rows, verdicts, figures), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE),
    )
    console.print(f"figures: {json_file}")
    if picture := draw(rows):
        _write(picture_file, picture.encode())
        console.print(f"picture: {picture_file}")
    sys.exit(0 if all(verdict.met is not False for verdict in verdicts) else 1)


async def _measure(
    console: Console, chosen: Sequence[Scenario], here: tuple[type[Peer], ...], *, quick: bool, rounds: int | None
) -> tuple[list[Row], list[Verdict], list[Figure]]:
    split = cores.split_cores()
    os.sched_setaffinity(0, {split.load})
    rows: list[Row] = []
    verdicts: list[Verdict] = []
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="livecomments-fanout-") as name:
        folder = Path(name)
        programs = compile_programs(folder)
        async with running_store(folder, split.load) as store:
            console.print(f"server: core {split.server}; viewers, publisher and nats-server: core {split.load}")
            lab = Lab(folder, programs, split, store)
            for scenario in chosen:
                with console.status(scenario.title) as status:
                    run = Run(lab, here, quick, lambda text: status.update(f"{scenario.title}: {text}"), rounds)  # noqa: B023
                    try:
                        outcome = await scenario.run(run)
                    except (RuntimeError, TimeoutError, OSError) as error:
                        failed = f"could not be measured: {type(error).__name__}: {error}"
                        outcome = Outcome([], [Verdict(scenario.title, "", failed, met=False)])
                if outcome.rows:
                    print_rows(console, scenario.title, outcome.rows)
                rows += outcome.rows
                verdicts += outcome.verdicts
                figures += outcome.figures
    return rows, verdicts, figures


def _those_here(console: Console, servers: Sequence[str]) -> list[type[Peer]]:
    chosen: list[type[Peer]] = []
    for peer in peers.ALL:
        if peer not in (Bare, Ours) and servers and not any(word.lower() in peer.name.lower() for word in servers):
            continue
        if reason := peer.missing():
            console.print(f"left out: {peer.name} ({reason})")
        else:
            chosen.append(peer)
    return chosen


def _as_json(rows: Sequence[Row], verdicts: Sequence[Verdict], figures: Sequence[Figure]) -> dict[str, Any]:
    return {
        "machine": machine.describe(),
        "rows": [
            {
                **asdict(row),
                "us_per_write": row.us_per_write,
                "us_per_delivery": row.us_per_delivery,
                "delivered_per_core_s": row.delivered_per_core_s,
            }
            for row in rows
        ],
        "verdicts": [asdict(verdict) for verdict in verdicts],
        "figures": [asdict(figure) for figure in figures],
    }


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


if __name__ == "__main__":
    main()
