"""The measurement of the write path says what it needs, and reads its load rightly."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.write import wrk
from bench.write.__main__ import main


def test_without_wrk_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(wrk.shutil, "which", lambda _: None)

    done = CliRunner().invoke(main, [])

    assert done.exit_code == 1
    assert "apt-get install wrk" in done.output


@pytest.fixture
def fake_wrk(tmp_path: Path, monkeypatch):
    """A wrk that says what it is told to; the real one need not be here."""

    def make(output: str) -> None:
        program = tmp_path / "wrk"
        program.write_text(f"#!/bin/sh\ncat <<'END'\n{output}\nEND\n")
        program.chmod(0o755)
        monkeypatch.setattr(wrk, "check_wrk", lambda: str(program))

    return make


def test_answers_are_counted_by_their_statuses(fake_wrk, tmp_path):
    fake_wrk(
        "Running 1s test\n"
        '{"seconds":1.5,"statuses":{"201":10,"202":2,"503":3},"errors":1,"p50_ms":1.0,"p99_ms":2.0,"max_ms":3.0}\n'
        "Requests/sec: 10"
    )

    answers = wrk.posts("http://127.0.0.1:1", tmp_path / "tokens", 1, 4)

    assert (answers.count(201, 202), answers.failed) == (12, 4)


def test_a_load_that_fails_is_no_measurement(fake_wrk, tmp_path):
    fake_wrk("unable to connect")

    with pytest.raises(RuntimeError, match="unable to connect"):
        wrk.posts("http://127.0.0.1:1", tmp_path / "tokens", 1, 4)
