"""One client that posts one comment after the other, and one viewer: nobody else is there."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from typing import Final

from bench.fanout.scenario import Verdict
from bench.figure import Figure
from bench.write.line import Found, Line, Run
from livecomments.client import Client
from livecomments.latencies import Latencies
from wire.sse import Event

REACH_ANSWER_MS: Final = 10
REACH_VIEWER_MS: Final = 5
COMMENTS: Final = 400
WARM_UP: Final = 20
PAUSE_S: Final = 0.005  # so that the last one is over for everybody
WAIT_S: Final = 10


def measure(run: Run) -> Found:
    """Measure through the gateway."""
    answered, seen, late = asyncio.run(_post_all(run))
    answer_ms, seen_ms = answered.percentiles_ms(50, 99), seen.percentiles_ms(50, 99)
    return Found(
        [
            Verdict(
                "one client alone: 201, p50",
                f"< {REACH_ANSWER_MS} ms",
                f"{answer_ms[0]:.1f} ms (p99 {answer_ms[1]:.1f})",
                answer_ms[0] < REACH_ANSWER_MS and late == 0,
            ),
            Verdict(
                "… on the viewer's socket, p50",
                f"< {REACH_VIEWER_MS} ms",
                f"{seen_ms[0]:.1f} ms (p99 {seen_ms[1]:.1f})",
                seen_ms[0] < REACH_VIEWER_MS,
            ),
        ],
        [f"{late} of {COMMENTS} were answered 202"] if late else [],
        {"answer_ms": answer_ms, "viewer_ms": seen_ms, "answered_202": late},
        [
            Figure("one client alone: answered, p50", "ms", answered.blocks_ms(50)),
            Figure("one client alone: on a viewer's socket, p50", "ms", seen.blocks_ms(50)),
        ],
    )


async def _post_all(run: Run) -> tuple[Latencies, Latencies, int]:
    system, video = run.system, f"alone-{secrets.token_hex(4)}"
    answered, seen = Latencies(), Latencies()
    late = 0
    came: dict[int, asyncio.Future[float]] = {}
    watching = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def watch() -> None:
        async with contextlib.aclosing(viewer.follow(video, lambda: system.token("viewer"), "0")) as events:
            async for event in events:
                if isinstance(event, Event) and event.name == "message":
                    came[int(event.json()["message"])].set_result(time.perf_counter())
                elif isinstance(event, Event) and event.name == "sync":
                    watching.set()

    async with Client(system.gateway) as viewer, Client(system.gateway) as author:
        token = system.token("author")
        task = asyncio.create_task(watch())
        await asyncio.wait_for(watching.wait(), WAIT_S)
        for index in range(WARM_UP + COMMENTS):
            came[index] = loop.create_future()
            began = time.perf_counter()
            answer = await author.post(video, str(index), token, f"{video}-{index}")
            if index >= WARM_UP:
                answered.add(time.perf_counter() - began)
                seen.add(await asyncio.wait_for(came[index], WAIT_S) - began)
                late += answer.status == 202
            await asyncio.sleep(PAUSE_S)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return answered, seen, late


LINE: Final = Line("alone", "one client after another", measure)
