"""The load of `locustfile.py` on whole clusters: a real chat, sped up, and what its verdict says."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from pathlib import Path

import pytest

from bench.own_cluster import OwnCluster
from bench.simulation.small_world import viewers_of_edges
from tests.load.running import locust, processes, run, with_site
from tests.shared_data import DANMAKU, TWITCH, chat_log

GOOD = "missed 0, repeated 0, out of order 0"
REPLAY = ("--speed", "60", "--watchers", "40", "--readers", "2", "-r", "100")


def owed(output: str) -> int:
    said = re.search(r"watchers were owed (\d+) comments", output)
    assert said, output
    return int(said[1])


async def test_a_real_chat_sped_up_reaches_every_watcher_over_two_processes(cluster: OwnCluster, tmp_path: Path):
    log, page = str(chat_log(DANMAKU)), tmp_path / "charts.html"
    chat = ("--chat-log", log, "--lines", "150", *processes(2), "--charts", str(page))
    status, output = await run(locust(*chat, *REPLAY), cluster.env)
    assert status == 0, output
    assert GOOD in output
    assert owed(output) > 40 * 150 * 0.9  # a watcher may begin after the first of them
    for row in ("POST .* comment", "viewer .* post to viewer", "viewer .* replay", "check .* missed"):
        assert re.search(row.replace(" .* ", r"\s+"), output), output
    assert '"viewer_p99":' in page.read_text()


async def test_a_real_chat_reaches_every_watcher_while_an_edge_is_killed(cluster: OwnCluster):
    chat = ("--chat-log", str(chat_log(TWITCH)), "--lines", "400")
    for _ in range(3):
        await until_nobody_watches(cluster)
        running = asyncio.create_task(run(locust(*chat, *REPLAY), cluster.env))
        streams = await until_streams(cluster, 40)
        os.kill(max(streams, key=lambda pid: streams[pid]), signal.SIGKILL)
        status, output = await running
        assert status == 0, output
        assert GOOD in output
        assert owed(output) > 40 * 400 * 0.9  # a watcher may begin after the first of them
        if "stream lost" in output:
            return
    pytest.fail("the edge was killed three times when all had been watched already")


async def until_streams(cluster: OwnCluster, count: int) -> dict[int, int]:
    """Wait until the edges have so many viewers. Return how many each has, by its process."""
    while sum((found := await viewers_of_edges(cluster)).values()) < count:  # noqa: ASYNC110  other processes
        await asyncio.sleep(0.1)
    return found


async def until_nobody_watches(cluster: OwnCluster) -> None:
    """Wait until the viewers of earlier tests are gone, so that those who come now can be counted."""
    while any((await viewers_of_edges(cluster)).values()):  # noqa: ASYNC110  other processes
        await asyncio.sleep(0.1)


@pytest.fixture
def losing(start_cluster) -> OwnCluster:
    """A cluster whose edges lose one comment of each video."""
    return start_cluster(**with_site("mutant_site"))


async def test_in_a_raid_all_lose_their_streams_and_nobody_misses_anything(cluster: OwnCluster):
    mix = ("--watchers", "20", "--posters", "4", "--readers", "0", "--rate", "20", "--videos", "2", "-r", "100")
    status, output = await run(locust(*mix, "--story", "raid", "-t", "8s", *processes(2)), cluster.env)
    assert status == 0, output
    assert GOOD in output
    lost = re.search(r"stream lost +(\d+)", output)
    assert lost, output
    assert int(lost[1]) >= 20  # and some of those who were back by then once more


async def test_one_comment_that_is_lost_fails_the_run_however_many_processes_it_is(losing: OwnCluster):
    chat = ("--chat-log", str(chat_log(DANMAKU)), "--lines", "60")
    load = ("--speed", "600", "--watchers", "10", "--readers", "0")

    async def missed(wanted: str, *several: str) -> None:
        status, output = await run(locust(*chat, *load, *several), losing.env)
        assert status == 1, output
        assert re.search(f"missed {wanted}, repeated 0, out of order 0", output), output

    # Of two processes, the watchers of one may begin when the other has said some of the log: they are owed less.
    await asyncio.gather(missed("10"), missed("[1-9][0-9]?", *processes(2)))


async def test_a_process_of_the_load_that_dies_fails_the_run(cluster: OwnCluster):
    mix = ("--watchers", "10", "--posters", "2", "--readers", "0", "--rate", "10", "--videos", "1")
    env = {**cluster.env, **with_site("hurried_site")}
    await until_nobody_watches(cluster)
    running = asyncio.create_task(run(locust(*mix, "-t", "4s", *processes(2)), env))
    await until_streams(cluster, 10)
    os.kill(children(leader())[0], signal.SIGKILL)
    status, output = await running
    assert status == 1, output
    assert "gave no account" in output


def leader() -> int:
    """Return the process of the load that started the others."""
    (pid,) = (pid for pid in children(os.getpid()) if b"locust" in Path(f"/proc/{pid}/cmdline").read_bytes())
    return pid


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def test_viewers_who_are_shown_a_sample_are_all_shown_the_same(start_cluster):
    sampling = start_cluster(LIVECOMMENTS_READABLE_RATE="20")
    mix = ("--watchers", "30", "--posters", "20", "--readers", "0", "--rate", "60", "--videos", "1", "-t", "4s")
    status, output = await run(locust(*mix, "-r", "100"), sampling.env)
    assert status == 0, output
    assert GOOD in output
    assert "30 of them were shown a sample" in output
    assert 30 * 20 < owed(output) < 30 * 60 * 4
