"""The process that watches: viewers, each with a stream of their own, who note what they get and when."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Final

import uvloop

from bench.ledger import Received, Verdict, judge, total
from bench.plan import Plan, due_ns_of
from bench.poster import S_TO_NS
from livecomments.client import Client, Interrupted
from livecomments.latencies import Latencies
from wire.sse import Event

OPEN_TIMEOUT_S: Final = 60
LAST_ONES_TIMEOUT_S: Final = 10  # after the last comment was accepted, until every viewer must have it
LOOK_INTERVAL_S: Final = 0.05
SETTLE_S: Final = 1.5  # for what comes twice; an edge looks after its quiet videos once a second
BEGINNING: Final = "0"  # a position before every comment: a viewer whose first connection is lost misses nothing


@dataclass(slots=True)
class Watched:
    """What the viewers got. `interrupted`: how often streams were lost, by reason."""

    counted_from_ns: int = 0
    verdict: Verdict = field(default_factory=Verdict)
    latencies: Latencies = field(default_factory=Latencies)
    interrupted: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Viewer:
    """One viewer of one video."""

    video: str
    token: str
    received: Received = field(default_factory=Received)
    watching: asyncio.Event = field(default_factory=asyncio.Event)


def run_viewers(url: str, plan: Plan, tokens: list[str], parent: Connection) -> None:
    """Watch, in this order with the parent.

    Tell it (None) that all streams are open; hear from which moment on latencies count, by the clock that all
    processes here share; hear which numbers were accepted, by video; tell what was `Watched`.
    """
    uvloop.run(_watch_all(url, plan, tokens, parent))
    parent.close()


async def _watch_all(url: str, plan: Plan, tokens: list[str], parent: Connection) -> None:
    clock = asyncio.get_running_loop()
    viewers = [Viewer(plan.video(index), token) for index, token in enumerate(tokens)]
    watched = Watched()
    async with Client(url) as client:
        tasks = [asyncio.create_task(_watch(client, viewer, watched)) for viewer in viewers]
        await asyncio.wait_for(asyncio.gather(*(viewer.watching.wait() for viewer in viewers)), OPEN_TIMEOUT_S)
        parent.send(None)
        watched.counted_from_ns = await clock.run_in_executor(None, parent.recv)
        accepted: dict[str, list[int]] = await clock.run_in_executor(None, parent.recv)
        give_up = clock.time() + LAST_ONES_TIMEOUT_S
        while _verdict(viewers, accepted).missed and clock.time() < give_up:  # noqa: ASYNC110  many viewers, one look
            await asyncio.sleep(LOOK_INTERVAL_S)
        await asyncio.sleep(SETTLE_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    watched.verdict = _verdict(viewers, accepted)
    parent.send(watched)


def _verdict(viewers: list[Viewer], accepted: dict[str, list[int]]) -> Verdict:
    return total(judge(viewer.received, accepted.get(viewer.video, ())) for viewer in viewers)


async def _watch(client: Client, viewer: Viewer, watched: Watched) -> None:
    """Follow one viewer's stream until it is cancelled."""
    async with contextlib.aclosing(client.follow(viewer.video, lambda: viewer.token, BEGINNING)) as events:
        async for event in events:
            match event:
                case Event(name="message"):
                    now_ns = time.monotonic_ns()
                    data = event.json()
                    due_ns = due_ns_of(data["message"])
                    if viewer.received.add(int(data["commentId"])) and due_ns >= watched.counted_from_ns:
                        watched.latencies.add((now_ns - due_ns) / S_TO_NS)
                case Event(name="sync"):
                    viewer.watching.set()
                case Interrupted():
                    watched.interrupted[event.reason] += 1
                case _:
                    pass
