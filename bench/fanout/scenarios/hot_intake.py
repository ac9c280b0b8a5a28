"""What an edge pays to take in a hot video: all of it, or its sample alone, also where its viewers wrote some of it."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from typing import Final

from bench.fanout import usage
from bench.fanout.measure import running
from bench.fanout.pace import TEXT
from bench.fanout.peers.ours import Sampling
from bench.fanout.scenario import Outcome, Run, Scenario, Verdict
from bench.fanout.store import SHARD
from writer.sample_publisher import SamplePublisher

PER_S: Final = 1_500
TICK_S: Final = 0.05
SECONDS: Final = 6
SWITCH_TIMEOUT_S: Final = 20
OWN_SHARES: Final = (0.0, 0.1)  # of the comments, by viewers of this edge
AUTHORS: Final = 100
TIMES: Final = 3
US: Final = 1e6
_ALONE: Final = "livecomments_sampled_videos"


async def _run(run: Run) -> Outcome:
    costs: dict[str, float] = {}
    for own_share in OWN_SHARES:
        for sampled in (False, True):
            what = f"{'the sample' if sampled else 'everything'}, {own_share:.0%} by its own viewers"
            run.say(what)
            costs[what] = await _cost_us(run, own_share, sampled=sampled)
    everything, sample = list(costs.values())[:2]
    told = "; ".join(f"{what}: {cost:.1f} µs" for what, cost in costs.items())
    what = f"CPU of the edge a comment of a hot video, {PER_S:,} a second, sample against everything"
    verdict = Verdict(what, f"≤ 1/{TIMES}", f"{told}", sample * TIMES <= everything)
    return Outcome([], [verdict])


async def _cost_us(run: Run, own_share: float, *, sampled: bool) -> float:
    """Return the CPU time for each comment that was stored meanwhile."""
    video = f"hot-{secrets.token_hex(4)}"
    async with running(Sampling(run.lab)) as edge, contextlib.AsyncExitStack() as stack:
        assert isinstance(edge, Sampling)
        await edge.watch(stack, video, [f"author-{place}" for place in range(round(AUTHORS * own_share))])
        await stack.enter_async_context(_crowd(run, video))
        if sampled:
            publisher = SamplePublisher(run.lab.store.connection, SHARD, video, edge.readable_rate)
            publishing = asyncio.create_task(publisher.run())
            stack.callback(publishing.cancel)
            async with asyncio.timeout(SWITCH_TIMEOUT_S):
                while await edge.metric(_ALONE) < 1:  # noqa: ASYNC110  it is another process
                    await asyncio.sleep(TICK_S)
        await asyncio.sleep(1)
        before = usage.cpu_s(edge.pids())
        await asyncio.sleep(SECONDS)
        return (usage.cpu_s(edge.pids()) - before) / (PER_S * SECONDS) * US


@contextlib.asynccontextmanager
async def _crowd(run: Run, video: str) -> AsyncIterator[None]:
    """Have many authors comment for as long as the block lasts."""

    async def post() -> None:
        loop = asyncio.get_running_loop()
        due, count, each = loop.time(), 0, round(PER_S * TICK_S)
        while True:
            users = [f"author-{(count + place) % AUTHORS}" for place in range(each)]
            count += each
            await run.lab.store.publish_batch(video, [TEXT] * each, users)
            due += TICK_S
            await asyncio.sleep(max(0.0, due - loop.time()))

    posting = asyncio.create_task(post())
    try:
        yield
    finally:
        posting.cancel()
        await asyncio.wait({posting})


SCENARIO: Final = Scenario("hot_intake", "What it costs an edge to take in a hot video", _run)
