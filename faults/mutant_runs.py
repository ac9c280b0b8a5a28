"""Tries every mutant: the system as it is must come through clean, and each mutant must be caught."""

from __future__ import annotations

import io
import os
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from faults.checker import check
from faults.journal import read_ledger
from faults.mutants import MUTANTS, Mutant
from faults.show import do_run
from faults.trial import mutant_trial
from faults.verdict import Verdict

LIST: Final = "mutants.txt"
WIDTH: Final = 118
SITE: Final = Path(__file__).resolve().parent / "mutant_site"
AS_IT_IS: Final = "as it is"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run; `mutant` None for the system as it is, `failure` where the run came to no end."""

    mutant: Mutant | None
    verdict: Verdict | None = None
    failure: str = ""

    @property
    def good(self) -> bool:
        """Whether it came out as it should."""
        if self.verdict is None:
            return False
        if self.mutant is None:
            return self.verdict.exit_status == 0
        return bool(self.mutant.caught_by & self.verdict.by_check().keys())


def try_mutants(folder: Path, seed: int, only: Sequence[str], console: Console) -> bool:
    """Try all of them, or those that are named, and print the list. Returns whether all came out as they should."""
    chosen = [one for one in MUTANTS if not only or one.name in only]
    outcomes = []
    for outcome in _outcomes(folder, seed, chosen, console):
        outcomes.append(outcome)
        name = outcome.mutant.name if outcome.mutant is not None else AS_IT_IS
        console.print(f"{name}: {_told(outcome)}", markup=False)
        _write(folder, outcomes)
    Console(width=WIDTH, highlight=False).print(_table(outcomes))
    console.print(str(folder / LIST), soft_wrap=True)
    return all(outcome.good for outcome in outcomes)


def _outcomes(folder: Path, seed: int, chosen: Sequence[Mutant], console: Console) -> Iterator[Outcome]:
    for mutant in (None, *chosen):
        name = mutant.name if mutant is not None else AS_IT_IS.replace(" ", "-")
        own = folder / name
        own.mkdir(mode=0o700)
        environment = _environment(mutant)
        settings = mutant.settings if mutant is not None else {}
        try:
            do_run(mutant_trial(seed, settings, environment), own, _quiet(console))
            yield Outcome(mutant, check(read_ledger(own)))
        except Exception as error:  # noqa: BLE001  the others are tried all the same
            (own / "failure.txt").write_text(traceback.format_exc(), encoding="utf-8")
            yield Outcome(mutant, failure=f"{type(error).__name__}: {error}")


def _environment(mutant: Mutant | None) -> dict[str, str]:
    if mutant is None:
        return {}
    path = os.pathsep.join(filter(None, (str(SITE), os.environ.get("PYTHONPATH"))))
    return {"PYTHONPATH": path, "FAULTS_MUTANT": mutant.name}


def _quiet(console: Console) -> Console:
    """Return where a mutant's run is shown: in a terminal a line that changes, elsewhere nothing."""
    return console if console.is_terminal else Console(file=io.StringIO())


def _write(folder: Path, outcomes: Sequence[Outcome]) -> None:
    with (folder / LIST).open("w", encoding="utf-8") as opened:
        Console(file=opened, width=WIDTH, highlight=False).print(_table(outcomes))


def _table(outcomes: Sequence[Outcome]) -> Table:
    table = Table(show_lines=False)
    for heading in ("mutant", "defect", "caught by", ""):
        table.add_column(heading)
    for outcome in outcomes:
        name = outcome.mutant.name if outcome.mutant is not None else AS_IT_IS
        defect = outcome.mutant.defect if outcome.mutant is not None else ""
        table.add_row(name, defect, _told(outcome), "ok" if outcome.good else "NOT AS IT SHOULD")
    return table


def _told(outcome: Outcome) -> str:
    """Return which checks were broken how often, those that should have been first."""
    if outcome.verdict is None:
        return outcome.failure
    broken = outcome.verdict.by_check()
    expected = outcome.mutant.caught_by if outcome.mutant is not None else frozenset()
    ordered = sorted(broken.items(), key=lambda item: (item[0] not in expected, -item[1]))
    told = ", ".join(f"{check.name.lower()} {count}" for check, count in ordered)
    return told or ("void: " + "; ".join(outcome.verdict.void) if outcome.verdict.void else "nothing")
