"""The load with locust's own web page: a run is begun and ended there, and the charts show it as it goes."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys

import aiohttp

from bench.own_cluster import OwnCluster
from tests.edge.waiting import until
from tests.load.running import ROOT
from tests.servers import free_port

MIX = {"watchers": "10", "posters": "3", "readers": "1", "rate": "20", "videos": "2", "story": "steady"}


async def test_a_run_is_begun_and_ended_on_locusts_page_and_the_charts_show_it(cluster: OwnCluster):
    port = free_port()
    at = f"http://127.0.0.1:{port}"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "locust", "--web-host", "127.0.0.1", "--web-port", str(port)),
        cwd=ROOT,
        env=cluster.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    said = asyncio.create_task(process.stdout.read())
    async with aiohttp.ClientSession() as web:

        async def answers() -> bool:
            try:
                async with web.get(f"{at}/live-comments") as answer:
                    return answer.status == 200 and "<svg" in await answer.text()
            except aiohttp.ClientError:
                return False

        async def points() -> list[dict]:
            async with web.get(f"{at}/live-comments/history.json") as answer:
                return await answer.json()

        async def seen() -> bool:
            return any(point["viewer_n"] and point["post_n"] for point in await points())

        await until(answers)
        form = {"user_count": "14", "spawn_rate": "50", "host": cluster.url, **MIX}
        async with web.post(f"{at}/swarm", data=form) as answer:
            assert (await answer.json())["success"]
        await until(seen)
        async with web.post(f"{at}/stop") as answer:
            assert answer.status == 200
        async with web.get(f"{at}/stats/requests") as answer:
            rows = {row["name"]: row for row in (await answer.json())["stats"]}
        assert rows["post to viewer"]["num_requests"] > 0
        assert rows["missed"]["num_requests"] > 0
        assert rows["missed"]["num_failures"] == 0
        assert all(point["missed"] == point["repeated"] == point["disorder"] == 0 for point in await points())
    process.send_signal(signal.SIGTERM)
    output = (await said).decode()
    assert await process.wait() == 0, output
    assert "missed 0, repeated 0, out of order 0" in output
