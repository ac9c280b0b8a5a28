"""`make faults`, `python -m faults`: breaks the system under load, and says whether it kept its promises."""

from __future__ import annotations

import asyncio
import secrets
import signal
import sys
import time
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from cluster.errors import StartError
from faults.checker import check
from faults.journal import read_ledger
from faults.report import print_verdict, write_report
from faults.run import Run
from faults.trial import Trial, long_trial, short_trial
from faults.worker import WorkerError

RESULTS: Final = Path("fault-results")
SHORT_RATE: Final = 200.0
SHORT_VIEWERS: Final = 60
LONG_RATE: Final = 500.0
LONG_VIEWERS: Final = 200
LONG_MINUTES: Final = 30.0


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--short", "which", flag_value="short", default="short", help="One kill of each part, a few broken links."
)
@click.option("--long", "which", flag_value="long", help="Everything, at random, with quiet spells.")
@click.option("--check", "checked", type=click.Path(path_type=Path, exists=True), help="Check a ledger's folder again.")
@click.option("--seed", type=click.IntRange(min=0), help="What was printed by the run to repeat.  [default: a new one]")
@click.option("--minutes", default=LONG_MINUTES, show_default=True, help="How long the long run takes.")
@click.option("--rate", type=click.FloatRange(min=1), help="Comments a second.  [default: 200, long: 500]")
@click.option("--viewers", type=click.IntRange(min=4), help="Viewers.  [default: 60, long: 200]")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Where ledger, logs and report go.  [default: fault-results/…]"
)
def main(
    *,
    which: str,
    checked: Path | None,
    seed: int | None,
    minutes: float,
    rate: float | None,
    viewers: int | None,
    out: Path | None,
) -> None:
    """Break the system under load, and check that every promise about a comment was kept.

    Exits with 0 when all was well, 1 when a promise was broken, 2 when too little happened to tell.
    """
    console = Console(width=120, highlight=False, stderr=True)
    if checked is not None:
        sys.exit(judge(checked, console, []))
    seed = secrets.randbits(32) if seed is None else seed
    if which == "long":
        trial = long_trial(seed, minutes, rate or LONG_RATE, viewers or LONG_VIEWERS)
    else:
        trial = short_trial(seed, rate or SHORT_RATE, viewers or SHORT_VIEWERS)
    folder = out or RESULTS / f"{which}-{seed}-{time.strftime('%Y%m%d-%H%M%S')}"
    folder.mkdir(parents=True, mode=0o700)
    console.print(f"seed {seed}; everything goes to {folder}", soft_wrap=True)
    untried = run(trial, folder.resolve(), console)
    sys.exit(judge(folder, console, untried))


def run(trial: Trial, folder: Path, console: Console) -> list[str]:
    """Do a run, and return what could not be tried on this machine."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[figures]}"),
        console=console,
    ) as progress:
        one = Run(trial, folder, _Display(progress))
        try:
            asyncio.run(_until_done(one))
        except (StartError, WorkerError, OSError) as error:
            raise click.ClickException(f"the run came to no end: {error}") from None
    return one.untried


async def _until_done(one: Run) -> None:
    """Ctrl-C and SIGTERM end a run in order: nothing is left behind."""
    going = asyncio.create_task(one.go())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, going.cancel)
    await going


def judge(folder: Path, console: Console, untried: list[str]) -> int:
    """Check a run, write and print the report, and return the exit status."""
    with console.status("checking"):
        try:
            ledger = read_ledger(folder)
        except (OSError, ValueError, KeyError) as error:
            raise click.ClickException(f"{folder} holds no ledger: {error}") from None
        verdict = check(ledger)
        write_report(folder, ledger, verdict, untried)
    print_verdict(folder, verdict, untried)
    return verdict.exit_status


class _Display:
    """Shows a run: what is done, how much was posted and shown, and each fault in a line."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=1.0, figures="")

    def step(self, text: str) -> None:
        """Show what is being done now."""
        if not self._progress.console.is_terminal:
            self._progress.console.print(text)
        self._progress.update(self._task, description=text)

    def fault(self, text: str) -> None:
        """Show a fault begin."""
        self._progress.console.print(text, markup=False)

    def figures(self, figures: dict[str, Any], done: float) -> None:
        """Show what was counted so far."""
        posted, watched = figures.get("posted", {}), figures.get("watched", {})
        acknowledged = posted.get("201", 0) + posted.get("202", 0)
        text = f"{acknowledged} acknowledged, {watched.get('connected', 0)} viewers, {watched.get('shown', 0)} shown"
        self._progress.update(self._task, completed=done, figures=text)


if __name__ == "__main__":
    main()
