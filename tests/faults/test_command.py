"""The command, as far as it needs no system: what it is told wrong, and ledgers that are checked again."""

from __future__ import annotations

from random import Random

import pytest
from click.testing import CliRunner

from faults.__main__ import main
from faults.ledger import Needs
from tests.faults.defects import lose
from tests.faults.simulated import Simulation
from tests.faults.test_journal import write


def test_a_folder_is_checked_again(tmp_path):
    ledger = Simulation(Random(11)).run(400)
    ledger.needs = Needs(told_missing_share=1)
    write(tmp_path, ledger)
    ran = CliRunner().invoke(main, ["--check", str(tmp_path)])
    assert (ran.exit_code, ran.stdout.splitlines()[0]) == (0, "CLEAN")


def test_a_loss_is_told_with_where_it_was_and_ends_with_one(tmp_path):
    ledger = Simulation(Random(11)).run(400)
    assert lose(ledger, Random(1))
    write(tmp_path, ledger)
    ran = CliRunner().invoke(main, ["--check", str(tmp_path)])
    assert (ran.exit_code, ran.stdout.splitlines()[0]) == (1, "VIOLATED")
    assert "acknowledged comments are in history" in ran.stdout
    assert "at the" in ran.stdout


def test_a_run_in_which_nothing_was_broken_is_void(tmp_path):
    ledger = Simulation(Random(11)).run(400)
    ledger.faults.clear()
    write(tmp_path, ledger)
    ran = CliRunner().invoke(main, ["--check", str(tmp_path)])
    assert (ran.exit_code, ran.stdout.splitlines()[0]) == (2, "VOID")


@pytest.mark.parametrize("option", ["--check", "--out"])
def test_a_folder_that_does_not_do_is_told_in_one_line(tmp_path, option):
    ran = CliRunner().invoke(main, [option, str(tmp_path)])
    assert ran.exit_code == 2
    assert ran.stderr.splitlines()[-1].startswith("Error: ")
