"""What tests of a running cluster look at: its processes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.own_cluster import RATES_OFF, OwnCluster
from tests.cluster_fixture import brief_cluster

WITHIN_S = 20


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnCluster]:
    """A cluster for tests that kill its processes, but not `up` itself."""
    with brief_cluster(RATES_OFF, tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnCluster]:
    """A cluster for tests that end it: each starts it where it does not run."""
    ended = OwnCluster(tmp_path_factory.mktemp("mortal"), RATES_OFF)
    yield ended
    ended.stop()


def until(condition: Callable[[], Any], within_s: float = WITHIN_S) -> Any:
    """Wait until a condition holds, and return what it gave."""
    give_up = time.monotonic() + within_s
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > give_up:
            pytest.fail(f"did not come true within {within_s} s")
        time.sleep(0.02)


def processes_of(data_dir: Path) -> dict[int, str]:
    """The processes that have a data directory in their command or their environment, by their id."""
    found = {}
    mark = os.fsencode(data_dir)
    for folder in Path("/proc").glob("[0-9]*"):
        if int(folder.name) == os.getpid():
            continue
        try:
            command = (folder / "cmdline").read_bytes()
            if mark in command or mark in (folder / "environ").read_bytes():
                found[int(folder.name)] = command.replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue  # gone meanwhile, or not ours to look at
    return found


def places(description: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What `cluster.json` lists, by kind and number: `edges-1`."""
    return {
        f"{kind}-{number}": place
        for kind, value in description.items()
        for number, place in enumerate(value if isinstance(value, list) else [value], start=1)
    }


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
