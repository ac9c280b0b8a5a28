"""`python -m bench.simulation.small_world`: what is simulated, for real, as large as it fits here.

A cluster of its own with several edges behind the gateway. Viewers spread over videos by the same power law, each with
the client that this project gives its users (`livecomments/client.py`). The fullest edge is killed, and everybody comes
back; another video is so busy that it is shown as a sample. What came of it is written as JSON, for the simulation to
be held against (`checking.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import signal
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import click
import numpy as np
import orjson
import uvloop

from bench import machine
from bench.own_cluster import RATES_OFF, STREAM_LIMITS_OFF, OwnCluster, own_cluster
from bench.simulation.crowd import viewers_of_videos
from livecomments.client import Client, Interrupted
from wire.sse import Event

VIEWERS: Final = 1_000
VIDEOS: Final = 100
EDGES: Final = 4
READABLE_RATE: Final = 20
HOT_PER_S: Final = 100  # comments on a video that is shown as a sample
HOT_S: Final = 6.0
HOT_WARM_UP_S: Final = 3.0  # a sampler looks back two seconds
AUTHORS: Final = 200
COMING_PER_S: Final = 500
SEED: Final = 1
EVERYBODY_S: Final = 60.0
LOOK_S: Final = 0.1
SETTLE_S: Final = 2.0


@dataclass(slots=True)
class Viewer:
    """One who watches: when its stream was lost and live again, and how many comments it was shown."""

    video: str
    token: str
    live: bool = False
    lost_at: float | None = None
    back_s: float | None = None  # from the loss until it was live again
    shown: int = 0

    async def watch(self, client: Client) -> None:
        """Watch until cancelled."""
        async with contextlib.aclosing(client.follow(self.video, lambda: self.token)) as events:
            async for event in events:
                match event:
                    case Event(name="message"):
                        self.shown += 1
                    case Event(name="sync"):
                        self.live = True
                        if self.lost_at is not None and self.back_s is None:
                            self.back_s = time.monotonic() - self.lost_at
                    case Interrupted():
                        self.live = False
                        self.lost_at = self.lost_at or time.monotonic()
                    case _:
                        pass


@dataclass(slots=True)
class Crowd:
    """Viewers who watch at the same time."""

    cluster: OwnCluster
    client: Client
    viewers: list[Viewer] = field(default_factory=list)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def come(self, video: str) -> None:
        """Have one more watch a video."""
        viewer = Viewer(video, self.cluster.token(f"viewer-{len(self.viewers)}"))
        self.viewers.append(viewer)
        self._tasks.append(asyncio.create_task(viewer.watch(self.client)))

    async def until(self, holds: Callable[[Viewer], bool]) -> None:
        """Wait until something holds of everybody. Raises `TimeoutError`."""
        async with asyncio.timeout(EVERYBODY_S):
            while not all(holds(viewer) for viewer in self.viewers):  # noqa: ASYNC110  many viewers, one look
                await asyncio.sleep(LOOK_S)

    async def leave(self) -> None:
        """Have everybody leave."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--viewers", default=VIEWERS, type=click.IntRange(min=1))
@click.option("--videos", default=VIDEOS, type=click.IntRange(min=1))
@click.option("--edges", default=EDGES, type=click.IntRange(min=2))
@click.option("--json", "json_file", type=click.Path(path_type=Path), default=Path("bench-results/small-world.json"))
def main(*, viewers: int, videos: int, edges: int, json_file: Path) -> None:
    """Have an edge fail and a video sampled, on a cluster of its own."""
    world = uvloop.run(measure(viewers, videos, edges))
    json_file.parent.mkdir(parents=True, exist_ok=True)
    document = {"machine": machine.describe(), "world": world}
    json_file.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    for name, value in world.items():
        click.echo(f"{name}: {value}")


async def measure(viewers: int, videos: int, edges: int) -> dict[str, Any]:
    """Return what came of it."""
    settings = {
        **RATES_OFF,
        **STREAM_LIMITS_OFF,
        "LIVECOMMENTS_EDGES": str(edges),
        "LIVECOMMENTS_READABLE_RATE": str(READABLE_RATE),
    }
    with own_cluster(settings) as cluster:
        async with Client(cluster.url) as client:
            return {
                "viewers": viewers,
                "videos": videos,
                "edges": edges,
                **await failure(cluster, client, viewers, videos),
                **await _sample(cluster, client),
            }


async def failure(cluster: OwnCluster, client: Client, viewers: int, videos: int) -> dict[str, Any]:
    """Have viewers come, and kill the edge that has most of them."""
    async with _crowd(cluster, client) as crowd:
        spread = viewers_of_videos(viewers, videos)
        coming = [f"video-{video}" for video, count in enumerate(spread) for _ in range(count)]
        random.Random(SEED).shuffle(coming)
        for video in coming:
            crowd.come(video)
            await asyncio.sleep(1 / COMING_PER_S)
        await crowd.until(lambda viewer: viewer.live)
        loads = await viewers_of_edges(cluster)
        os.kill(max(loads, key=lambda pid: loads[pid]), signal.SIGKILL)
        await asyncio.sleep(SETTLE_S)  # until all have noticed
        lost = [viewer for viewer in crowd.viewers if viewer.lost_at is not None]
        await crowd.until(lambda viewer: viewer.live)
        times = [viewer.back_s for viewer in lost if viewer.back_s is not None]
    return {
        "loads": sorted(loads.values()),
        "lost": len(lost),
        "half_back_s": float(np.percentile(times, 50)),
        "most_back_s": float(np.percentile(times, 99)),
    }


async def _sample(cluster: OwnCluster, client: Client) -> dict[str, Any]:
    """Post more than anybody can read, on time, and see what one viewer is shown."""
    loop = asyncio.get_running_loop()
    tokens = [cluster.token(f"author-{author}") for author in range(AUTHORS)]
    async with _crowd(cluster, client) as crowd:
        crowd.come("hot")
        await crowd.until(lambda viewer: viewer.live)
        began, shown = loop.time(), 0
        async with asyncio.TaskGroup() as posts:
            for index in range(round(HOT_PER_S * (HOT_WARM_UP_S + HOT_S))):
                await asyncio.sleep(max(0.0, began + index / HOT_PER_S - loop.time()))
                if index == round(HOT_PER_S * HOT_WARM_UP_S):
                    shown = crowd.viewers[0].shown
                posts.create_task(client.post("hot", f"comment {index}", tokens[index % AUTHORS], f"key-{index}"))
        return {
            "hot_per_s": HOT_PER_S,
            "readable_rate": READABLE_RATE,
            "shown_per_s": (crowd.viewers[0].shown - shown) / HOT_S,
        }


@contextlib.asynccontextmanager
async def _crowd(cluster: OwnCluster, client: Client) -> AsyncIterator[Crowd]:
    crowd = Crowd(cluster, client)
    try:
        yield crowd
    finally:
        await crowd.leave()


async def viewers_of_edges(cluster: OwnCluster) -> dict[int, int]:
    """Return how many viewers each edge has, by its process."""
    found: dict[int, int] = {}
    async with aiohttp.ClientSession() as web:
        for edge in cluster.describe()["edges"]:
            async with web.get(edge["url"] + "/metrics") as answer:
                said = re.search(r"^livecomments_viewers (\S+)", await answer.text(), re.MULTILINE)
                found[edge["pid"]] = int(float(said[1])) if said else 0
    return found


if __name__ == "__main__":
    main()
