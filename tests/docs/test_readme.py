"""The README's commands work as they stand there."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.own_cluster import OwnCluster

README = Path(__file__).resolve().parents[2] / "README.md"
PATIENCE_S = 30


def block_with(word: str) -> str:
    """Return the README's commands for a terminal that have a word in them, for the Python of these tests."""
    (block,) = [block for block in re.findall(r"```sh\n(.*?)```", README.read_text(), re.DOTALL) if word in block]
    assert ".venv/bin/livecomments" in block
    return block.replace(".venv/bin/livecomments", f"{sys.executable} -m livecomments")


@pytest.fixture
def commands(cluster: OwnCluster) -> str:
    """Return the commands with curl, for the address of this cluster."""
    here = block_with("curl")
    assert "http://127.0.0.1:8080/" in here
    return here.replace("http://127.0.0.1:8080", cluster.url).replace("curl ", f"curl -sS --max-time {PATIENCE_S} ")


def test_the_readmes_chat_log_is_posted_and_seen_by_who_watches(cluster, tmp_path):
    with subprocess.Popen(
        ["timeout", "--signal=INT", str(PATIENCE_S), "bash", "-euc", block_with("replay")],
        cwd=tmp_path,
        env=cluster.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as shell:
        said = list(_until(shell, "finally!"))
        os.killpg(shell.pid, signal.SIGTERM)
    assert "finally!" in said[-1]
    assert [line.split()[:2] for line in said if line.startswith("accepted")] == [["accepted", "2"]]


def test_the_commands_of_the_readme_work_as_pasted(cluster, commands):
    with subprocess.Popen(
        ["bash", "-euc", commands],
        env=cluster.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as shell:
        said = [line.strip() for line in _until_sync(shell)]
        os.killpg(shell.pid, signal.SIGTERM)
    posted = json.loads(said[0])
    page = json.loads(said[1])
    assert page["comments"][0]["id"] == posted["commentId"]
    assert page["comments"][0]["userId"] == "ada"
    events = [json.loads(line.removeprefix("data: ")) for line in said if line.startswith("data: ")]
    assert any(event.get("commentId") == posted["commentId"] and event["message"] == "hello" for event in events)
    assert any(event.get("complete") is True for event in events)


def _until(shell, word):
    """Yield what is printed, up to a line with a word in it."""
    for line in shell.stdout:
        yield line
        if word in line:
            return


def _until_sync(shell):
    """Yield what is printed, up to the data of the `sync` event; curl itself gives up in time."""
    synced = False
    for line in shell.stdout:
        yield line
        if synced:
            return
        synced = line.strip() == "event: sync"
