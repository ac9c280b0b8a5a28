"""Whole clusters for tests from end to end: the real parts, started with the command that a person uses."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from bench.own_cluster import RATES_OFF, OwnCluster, own_cluster

StartCluster = Callable[..., OwnCluster]


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnCluster]:
    """One cluster for all tests that leave it as they found it. Its rates are off; each test uses videos of its own."""
    with own_cluster(RATES_OFF, tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture
def start_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartCluster]:
    """Start clusters with settings of their own, for tests that need them or that break something.

    `start_cluster(LIVECOMMENTS_USER_RATE="2")`; the rates are off unless a setting says otherwise.
    """
    with contextlib.ExitStack() as stack:

        def start(**settings: str) -> OwnCluster:
            return stack.enter_context(brief_cluster({**RATES_OFF, **settings}, tmp_path_factory.mktemp("cluster")))

        yield start


@contextlib.contextmanager
def brief_cluster(settings: Mapping[str, str], folder: Path) -> Iterator[OwnCluster]:
    """Run a cluster with these settings for as long as the block lasts, and no longer: to end in good order takes it
    seconds, which is for other tests (`tests/cluster/test_up.py`), and for the cluster of the run.
    """
    running = OwnCluster(folder, settings)
    try:
        running.start()
        yield running
    finally:
        running.kill()
