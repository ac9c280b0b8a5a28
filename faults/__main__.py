"""`make faults`, `python -m faults`: breaks the system under load, and says whether it kept its promises."""

from __future__ import annotations

import asyncio
import secrets
import sys
import time
from pathlib import Path
from typing import Final

import click
from rich.console import Console

from cluster.errors import StartError
from faults.checker import check
from faults.journal import read_ledger
from faults.mutant_runs import try_mutants
from faults.report import print_verdict, write_report
from faults.show import do_run
from faults.trial import long_trial, short_trial
from faults.verdict import EXIT_CLEAN, EXIT_VIOLATED, EXIT_VOID
from faults.worker import WorkerError

RESULTS: Final = Path("fault-results")
SHORT_RATE: Final = 200.0
SHORT_VIEWERS: Final = 60
LONG_RATE: Final = 500.0
LONG_VIEWERS: Final = 200
LONG_MINUTES: Final = 30.0


class NoRunError(click.ClickException):
    """There is nothing that could be judged."""

    exit_code = EXIT_VOID


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--short", "which", flag_value="short", default="short", help="One kill of each part, a few broken links."
)
@click.option("--long", "which", flag_value="long", help="Everything, at random, with quiet spells.")
@click.option("--mutants", "which", flag_value="mutants", help="The system with one defect after the other.")
@click.option("--all", "which", flag_value="all", help="The mutants, and then the long run.")
@click.option("--only", multiple=True, metavar="NAME", help="With --mutants: only this one, and others named so.")
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
    only: tuple[str, ...],
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
        sys.exit(judge(checked, console))
    seed = secrets.randbits(32) if seed is None else seed
    folder = (out or RESULTS / f"{which}-{seed}-{time.strftime('%Y%m%d-%H%M%S')}").resolve()
    try:
        folder.mkdir(parents=True, mode=0o700)
    except OSError as error:
        raise NoRunError(f"cannot make {folder}: {error.strerror}") from None
    console.print(f"seed {seed}; everything goes to {folder}", soft_wrap=True)
    all_caught = which not in ("mutants", "all") or try_mutants(folder, seed, only, console)
    if which == "mutants" or not all_caught:
        sys.exit(EXIT_CLEAN if all_caught else EXIT_VIOLATED)
    if which != "short":
        trial = long_trial(seed, minutes, rate or LONG_RATE, viewers or LONG_VIEWERS)
    else:
        trial = short_trial(seed, rate or SHORT_RATE, viewers or SHORT_VIEWERS)
    try:
        do_run(trial, folder, console)
    except (StartError, WorkerError, OSError) as error:
        raise NoRunError(f"the run came to no end: {error}") from None
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise NoRunError("the run was broken off") from None
    sys.exit(judge(folder, console))


def judge(folder: Path, console: Console) -> int:
    """Check a run, write and print the report, and return the exit status."""
    with console.status("checking"):
        try:
            ledger = read_ledger(folder)
        except (OSError, ValueError, KeyError) as error:
            raise NoRunError(f"{folder} holds no ledger: {error}") from None
        verdict = check(ledger)
        write_report(folder, ledger, verdict)
    print_verdict(folder, ledger, verdict)
    return verdict.exit_status


if __name__ == "__main__":
    main()
