"""An older copy of the streams' files comes back under a running system."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from pathlib import Path

import aiohttp
import pytest

from bench.own_cluster import OwnCluster
from tests.cluster_fixture import StartCluster
from tests.end_to_end.conftest import Person, ids, synced

RECOVERS_WITHIN_S = 20
POSTERS = 8


def with_nats_down(cluster: OwnCluster, act) -> None:
    """Kill nats-server, do something to its files, and let `up` start it again."""
    os.kill(cluster.pid, signal.SIGSTOP)  # it would start it at once
    try:
        while state(cluster.pid) != "T":
            time.sleep(0.01)
        pid = cluster.describe()["nats"][0]["pid"]
        os.kill(pid, signal.SIGKILL)
        while state(pid) != "Z":
            time.sleep(0.01)
        act()
    finally:
        os.kill(cluster.pid, signal.SIGCONT)


def state(pid: int) -> str:
    """What the kernel says of a process: `T` stopped, `Z` dead and not waited for; as dead counts one that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "Z"


async def post_until_taken(person: Person, video: str, text: str, unarchived: set[str] | None = None) -> str:
    """Post with a key, again and again, as a client does that is told 503. What got a 202 is noted in `unarchived`."""
    async with asyncio.timeout(RECOVERS_WITHIN_S + 10):
        while True:
            async with person.web.post(
                f"{person.cluster.url}/comments/{video}",
                json={"message": text},
                headers={**person.headers, "Idempotency-Key": text},
            ) as answer:
                if answer.status in (201, 202):
                    number: str = (await answer.json())["commentId"]
                    if answer.status == 202 and unarchived is not None:
                        unarchived.add(number)
                    return number
                assert answer.status in (502, 503, 504), await answer.text()
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("first_to_notice", ["whoever looks", "whoever posts"])
async def test_no_number_is_given_twice_nothing_acknowledged_is_missing_and_viewers_go_on(
    start_cluster: StartCluster, web: aiohttp.ClientSession, video: str, tmp_path: Path, first_to_notice: str
) -> None:
    cluster = start_cluster()
    person = Person(cluster, web, "a person")
    said = {await person.post(video, f"early {n}"): f"early {n}" for n in range(20)}
    store = cluster.data_dir / "nats"
    with_nats_down(cluster, lambda: shutil.copytree(store, tmp_path / "copy"))
    said |= {await post_until_taken(person, video, f"lost {n}"): f"lost {n}" for n in range(30)}
    opened, finished = asyncio.Event(), asyncio.Event()

    def enough(events) -> bool:
        if synced(events):
            opened.set()
        return finished.is_set() and set(said) <= set(ids(events))

    watching = asyncio.create_task(person.watch(video, enough, position="1", deadline_s=90))
    await opened.wait()

    def put_back() -> None:
        shutil.rmtree(store)
        shutil.copytree(tmp_path / "copy", store)

    posting: list[asyncio.Task[None]] = []
    unarchived: set[str] = set()

    async def post(poster: int) -> None:
        for n in range(15):
            text = f"later {poster} {n}"
            number = await post_until_taken(person, video, text, unarchived)
            assert number not in said, "a number was given twice"
            said[number] = text

    if first_to_notice == "whoever posts":
        posting = [asyncio.create_task(post(poster)) for poster in range(POSTERS)]
    await asyncio.to_thread(with_nats_down, cluster, put_back)
    began = time.monotonic()
    back = await post_until_taken(person, video, "back")
    said[back] = "back"
    assert time.monotonic() - began < RECOVERS_WITHIN_S
    posting = posting or [asyncio.create_task(post(poster)) for poster in range(POSTERS)]
    await asyncio.gather(*posting)
    finished.set()
    await person.post(video, "the end")  # wakes the viewer
    events = await watching
    seen = [event for event in events if event.name == "message"]
    numbers = [int(event.json()["commentId"]) for event in seen]
    assert numbers == sorted(set(numbers))
    assert not [event for event in events if event.name == "skipped"]
    assert all(event.json()["complete"] for event in events if event.name == "sync")
    assert {event.json()["commentId"]: event.json()["message"] for event in seen}.items() >= said.items()

    # Whatever only the stream had when an older copy took its place is nowhere any more: that is counted as lost.
    kept = {number: text for number, text in said.items() if number not in unarchived or int(number) > int(back)}

    async def all_there() -> bool:
        found = {item["id"]: item["message"] for item in await person.history(video)}
        return found.items() >= kept.items()

    async with asyncio.timeout(10):
        while not await all_there():  # noqa: ASYNC110  there is no event to wait for
            await asyncio.sleep(0.05)
    assert len(said) == 20 + 30 + POSTERS * 15 + 1
    lifts = [metric async for metric in metrics(cluster, web, "livecomments_archive_lifts_total")]
    assert sum(lifts) >= 1


async def metrics(cluster: OwnCluster, web: aiohttp.ClientSession, name: str):
    for archiver in cluster.describe()["archivers"]:
        async with web.get(f"{archiver['url']}/metrics") as answer:
            for line in (await answer.text()).splitlines():
                if line.startswith(name):
                    yield float(line.rsplit(" ", 1)[1])
