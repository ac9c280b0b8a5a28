"""The commands against a cluster that runs: what a person does with them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from bench.own_cluster import OwnCluster
from livecomments.chatlog import read_chat_log
from livecomments.client import Client
from tests.cluster_fixture import StartCluster
from tests.end_to_end.conftest import until_others_serve
from tests.shared_data import DANMAKU, TWITCH, chat_log

START_TIMEOUT_S = 20
ARRIVAL_TIMEOUT_S = 20


class Watching:
    """`livecomments watch --json` as a process, and what it has printed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[dict[str, object]] = []
        self._news = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())

    @property
    def comment_ids(self) -> list[str]:
        return [str(line["commentId"]) for line in self.lines if "event" not in line]

    async def until(self, condition, timeout_s: float = ARRIVAL_TIMEOUT_S) -> None:
        async with asyncio.timeout(timeout_s), self._news:
            await self._news.wait_for(condition)

    async def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        status = await asyncio.wait_for(self.process.wait(), START_TIMEOUT_S)
        await self._reading
        return status

    async def _read(self) -> None:
        async for line in self.process.stdout:
            async with self._news:
                self.lines.append(json.loads(line))
                self._news.notify_all()


@contextlib.asynccontextmanager
async def watching(cluster: OwnCluster, video: str, *arguments: str) -> AsyncIterator[Watching]:
    """Watch a video; the stream is open when the block begins."""
    process = await asyncio.create_subprocess_exec(
        *cluster.command("watch", video, "--json", *arguments),
        env=cluster.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        limit=1024 * 1024,
    )
    watched = Watching(process)
    try:
        await watched.until(lambda: any(line.get("event") == "sync" for line in watched.lines), START_TIMEOUT_S)
        yield watched
    finally:
        if process.returncode is None:
            await watched.interrupt()


async def history_of(cluster: OwnCluster, video: str, sort: str) -> list[dict[str, object]]:
    async with Client(cluster.url) as client:
        return [item async for item in client.history(video, cluster.token("reader"), sort=sort)]


async def in_thread(function, *arguments):
    return await asyncio.to_thread(function, *arguments)


@pytest.mark.parametrize(("name", "video"), [(TWITCH, "replay-tw"), (DANMAKU, "replay-cc")])
async def test_a_real_chat_is_on_a_watchers_screen_and_in_history_once_in_one_order_as_it_was_said(
    cluster: OwnCluster, tmp_path: Path, name: str, video: str
):
    log, ids = chat_log(name), tmp_path / "ids.ndjson"
    said = list(read_chat_log(log, 600))
    async with watching(cluster, video) as watched:
        result = await in_thread(
            cluster.cli, "replay", str(log), "--video", video, "--speed", "300", "--limit", "600", "--ids", str(ids)
        )
        assert result.returncode == 0, result.stderr
        posted = [json.loads(line) for line in ids.read_text().splitlines()]
        accepted = sorted((line["commentId"] for line in posted if line["status"] in (201, 202)), key=int)
        assert len(set(accepted)) == len(posted) == 600
        await watched.until(lambda: len(watched.comment_ids) >= 600)
        assert await watched.interrupt() == 0
    assert watched.comment_ids == accepted
    ascending, descending = await history_of(cluster, video, "asc"), await history_of(cluster, video, "desc")
    assert [item["id"] for item in ascending] == accepted
    assert ascending == descending[::-1]
    number_of = {line["line"]: line["commentId"] for line in posted}
    text_of = {number_of[one.line]: one.message.strip() for one in said}
    assert {item["id"]: item["message"] for item in ascending} == text_of
    assert {line["commentId"]: line["message"] for line in watched.lines if "event" not in line} == text_of


async def test_a_watcher_who_comes_later_begins_where_it_asks_to(cluster: OwnCluster, tmp_path: Path):
    log = tmp_path / "log.ndjson"
    log.write_text("".join(json.dumps({"t": n, "user": f"u{n}", "message": f"m{n}"}) + "\n" for n in range(30)))
    result = await in_thread(cluster.cli, "replay", str(log), "--video", "later", "--speed", "0")
    assert result.returncode == 0, result.stderr
    ids = [str(item["id"]) for item in await history_of(cluster, "later", "asc")]
    for arguments, wanted in (
        (("--last", "5"), ids[-5:]),
        (("--last", "0"), []),
        (("--since", "0"), ids),
        (("--since", ids[9]), ids[10:]),
    ):
        async with watching(cluster, "later", *arguments) as watched:
            await watched.until(lambda: len(watched.comment_ids) >= len(wanted))  # noqa: B023
        assert watched.comment_ids == wanted


async def test_a_watcher_misses_and_repeats_nothing_while_edges_die(cluster: OwnCluster, tmp_path: Path):
    log = tmp_path / "log.ndjson"
    log.write_text("".join(json.dumps({"t": n / 50, "message": f"m{n}"}) + "\n" for n in range(400)))
    killed: set[int] = set()
    async with watching(cluster, "edges-die") as watched:
        replaying = asyncio.create_task(in_thread(cluster.cli, "replay", str(log), "--video", "edges-die"))
        for seen in (50, 200):
            await watched.until(lambda: len(watched.comment_ids) >= seen)  # noqa: B023
            for edge in cluster.describe()["edges"]:
                killed.add(edge["pid"])
                with contextlib.suppress(ProcessLookupError):
                    os.kill(edge["pid"], signal.SIGKILL)
        result = await replaying
        assert result.returncode == 0, result.stderr
        await watched.until(lambda: len(watched.comment_ids) >= 400)
    assert watched.comment_ids == [item["id"] for item in await history_of(cluster, "edges-die", "asc")]
    async with aiohttp.ClientSession() as web:
        await until_others_serve(cluster, web, killed)  # the next test is to find the cluster whole


async def test_a_replay_waits_as_told_where_the_rates_are_on(start_cluster: StartCluster, tmp_path: Path):
    cluster = start_cluster(LIVECOMMENTS_USER_RATE="4")
    log = tmp_path / "log.ndjson"
    log.write_text("".join(json.dumps({"t": 0, "user": "busy", "message": f"m{n:02d}"}) + "\n" for n in range(16)))
    result = await in_thread(cluster.cli, "replay", str(log), "--video", "rates", "--speed", "0")
    assert result.returncode == 0, result.stderr
    assert "LIVECOMMENTS_USER_RATE=0" in result.stderr
    assert [item["message"] for item in await history_of(cluster, "rates", "asc")] == [f"m{n:02d}" for n in range(16)]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("replay", "no-such-file.ndjson", "--video", "v"), "No such file"),
        (("watch", "v", "--url", "http://127.0.0.1:1"), "Connection refused"),
        (("watch", "v", "--token-file", os.devnull), "no token"),
        (("revoke", "--user", "u", "--url", "http://127.0.0.1:1"), "Connection refused"),
        (("revoke", "--user", "u", "--for", "3000d"), "bad_revocation"),
    ],
)
def test_what_cannot_work_is_told_in_one_line(cluster: OwnCluster, arguments, says):
    result = cluster.cli(*arguments)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert says in result.stderr


def test_a_token_of_another_cluster_is_not_accepted(cluster: OwnCluster, tmp_path: Path):
    foreign = tmp_path / "secret"
    foreign.write_text("the secret of another cluster, not of this one")
    log = tmp_path / "log.ndjson"
    log.write_text('{"t":0,"message":"x"}\n')
    result = cluster.cli("replay", str(log), "--video", "v", env={"LIVECOMMENTS_TOKEN_SECRET_FILE": str(foreign)})
    assert result.returncode == 1
    assert "401" in result.stderr
