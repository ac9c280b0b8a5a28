"""`livecomments bench` writes what it measured, and a report that needs nothing beside it."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.capacity.costs import RECORDED
from bench.suite import command, running
from bench.suite.parts import PARTS, Part, Step
from bench.suite.result import read

MEASURES = """
import json, sys
rows = [
    {"scenario": scenario, "server": server, "viewers": 2000, "rooms": 1, "comments_per_s": rate, "seconds": 2.0,
     "delivered": 2000 * rate, "us_per_write": 7.0, "us_per_delivery": 0.3, "delivered_per_core_s": 4e6,
     "resident_kb_per_viewer": 1.5, "p50_ms": 20.0 + rate, "p99_ms": 90.0 + rate, "histogram": [[1000, 3], [2000, 5]]}
    for scenario in ("one_write", "busy_room", "knee", "flat_cost")
    for server in ("this edge", "bare C send loop")
    for rate in (5, 500)
]
figures = [{"name": "cost", "unit": "us", "samples": [1.0, 1.1, 0.9, 1.05, None], "better": "lower"}]
verdicts = [{"what": "a thing", "reach": "<= 1", "measured": "<script>", "met": True}]
json.dump({"rows": rows, "figures": figures, "verdicts": verdicts}, open(sys.argv[sys.argv.index("--json") + 1], "w"))
"""


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch) -> Path:
    """Parts that measure nothing and say so quickly: one, and one that fails."""
    (tmp_path / "measures.py").write_text(MEASURES)
    (tmp_path / "fails.py").write_text("raise SystemExit('no wrk here')")
    monkeypatch.setattr(running, "ROOT", tmp_path)
    good, bad = (Part(name, "…", (Step(name, (), (), 1, 1),)) for name in ("measures", "fails"))
    monkeypatch.setattr(command, "PARTS", (good, bad))
    return tmp_path


def invoke(folder: Path, *options: str):
    paths = ("--json", str(folder / "out.json"), "--report", str(folder / "out.html"))
    return CliRunner().invoke(command.bench, [*paths, *options])


def test_a_part_that_fails_is_told_and_the_others_go_on(made_up):
    done = invoke(made_up, "--quick")
    assert done.exit_code == 1
    assert "no wrk here" in done.output
    assert "took 0.0 min" in done.output
    assert "longer than" not in done.output
    result = read(made_up / "out.json")
    assert list(result.failures()) == ["fails"]
    assert result.figures()["measures"][0].numbers == [1.0, 1.1, 0.9, 1.05]
    assert result.machine["processor"]
    assert result.machine["python"]


def test_a_quick_run_that_is_longer_than_ten_minutes_says_so_and_what_was_slow(made_up, monkeypatch):
    monkeypatch.setattr(running, "QUICK_WITHIN_S", 0.0)
    monkeypatch.setattr(command, "PARTS", (Part("measures", "…", (Step("measures", (), (), 0, 0),)),))
    said = " ".join(invoke(made_up, "--quick").output.split())
    assert "longer than --quick may take, 0 min: measures 0 s (about 0 expected)" in said


def test_the_report_stands_alone_and_nothing_in_it_is_markup(made_up):
    invoke(made_up, "--quick")
    page = (made_up / "out.html").read_text()
    assert page.count("<svg") >= 5
    assert "&lt;script&gt;" in page
    assert not re.search(r"""(src|href)=["']https?:""", page)
    assert "no wrk here" in page


def test_an_earlier_run_is_held_against_without_measuring(made_up):
    invoke(made_up, "--quick")
    out = str(made_up / "out.json")
    done = invoke(made_up, "--from", out, "--against", out)
    assert "noise" in done.output
    assert "Held against" in (made_up / "out.html").read_text()


def test_costs_that_a_run_did_not_measure_stay_as_they_were_with_where_they_come_from(made_up):
    invoke(made_up, "--quick")
    out, file = str(made_up / "out.json"), made_up / "costs.json"
    assert "this run did not measure" in invoke(made_up, "--from", out, "--costs", str(file)).output
    file.write_bytes(RECORDED.read_bytes())
    before = json.loads(RECORDED.read_bytes())["costs"]
    done = invoke(made_up, "--from", out, "--costs", str(file))
    assert done.exit_code == 1  # for the part that failed
    after = json.loads(file.read_bytes())["costs"]
    assert after["edge_us_per_write"]["value"] == 7.0
    assert "source" not in after["edge_us_per_write"]
    assert after["writer_us_per_comment"]["value"] == before["writer_us_per_comment"]["value"]
    assert after["writer_us_per_comment"]["source"]


def test_what_is_no_result_is_refused(made_up):
    (made_up / "other.json").write_text("[]")
    done = invoke(made_up, "--from", str(made_up / "other.json"))
    assert done.exit_code == 1
    assert "is not a result" in done.output


def test_every_part_names_a_command_of_this_tree_and_the_quick_ones_take_less_than_ten_minutes():
    steps = [step for part in PARTS for step in part.steps]
    assert all(importlib.util.find_spec(step.module) for step in steps)
    assert sum(step.quick_s for step in steps) < 10 * 60
