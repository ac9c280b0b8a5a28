"""The loss audit of a whole system: nothing is lost, and where something is, it shows."""

from __future__ import annotations

import asyncio

import aiohttp
import asyncpg

from bench.own_cluster import OwnCluster
from tests.cluster_fixture import StartCluster
from tests.end_to_end.conftest import Person, synced


async def counted(cluster: OwnCluster, web: aiohttp.ClientSession, name: str, part: str) -> float:
    """A count of the loss audit, over all processes."""
    total = 0.0
    wanted = f'livecomments_{name}_comments_total{{part="{part}"}} '
    for one in cluster.describe()["archivers" if part == "archive" else "edges"]:
        async with web.get(f"{one['url']}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        total += sum(float(line.removeprefix(wanted)) for line in lines if line.startswith(wanted))
    return total


async def test_the_audit_of_a_running_system_counts_everything_and_notices_one_row_that_goes(
    start_cluster: StartCluster, web: aiohttp.ClientSession, video: str
) -> None:
    cluster = start_cluster()
    person = Person(cluster, web, "a person")
    opened = asyncio.Event()

    def enough(events) -> bool:
        if synced(events):
            opened.set()
        return False

    watching = asyncio.create_task(person.watch(video, enough, deadline_s=60))
    await opened.wait()
    for n in range(50):
        await person.post(video, f"text {n}", **{"Idempotency-Key": f"key {n // 2}"})  # each one repeated
    async with asyncio.timeout(40):
        while await counted(cluster, web, "audited", "archive") < 25:  # noqa: ASYNC110  nobody announces it
            await asyncio.sleep(0.1)
        while await counted(cluster, web, "audited", "edge") < 25:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    for name in ("lost", "differing", "unaudited"):
        for part in ("archive", "edge"):
            assert await counted(cluster, web, name, part) == 0
    assert await counted(cluster, web, "audited", "archive") == 25

    database = await asyncpg.connect(cluster.describe()["postgres"]["dsn"])
    number = int(await person.post(video, "gone before anybody looked"))
    while not await database.fetchval("DELETE FROM comments WHERE comment_id = $1 RETURNING 1", number):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    await database.close()
    async with asyncio.timeout(20):
        while await counted(cluster, web, "lost", "archive") != 1:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    watching.cancel()
    await asyncio.wait([watching])
