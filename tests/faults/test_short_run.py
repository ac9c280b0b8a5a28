"""The whole system under load, each of its parts killed once and a few of its connections broken."""

from __future__ import annotations

import subprocess
import sys

import pytest

from faults.journal import read_ledger
from faults.schedule import Kind
from tests.layout.tree import ROOT

LIMIT_S = 360  # it takes two minutes, and longer where other things run beside it


@pytest.mark.timeout(LIMIT_S + 30)
def test_no_promise_is_broken_when_parts_are_killed_and_connections_cut(tmp_path):
    folder = tmp_path / "run"
    ran = subprocess.run(
        [sys.executable, "-m", "faults", "--short", "--rate", "100", "--viewers", "40", "--out", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    killed = {fault.target for fault in read_ledger(folder).faults if fault.fired and fault.kind == Kind.KILL.value}
    assert {part.rstrip("0123456789-") for part in killed} == {
        *("writer", "archiver", "history", "edge", "gateway", "nats", "postgres")
    }
    assert (folder / "report.txt").read_text().count("kill") == len(killed)
