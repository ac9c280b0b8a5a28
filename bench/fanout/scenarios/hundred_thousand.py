"""100,000 viewers of one video over six edge processes, all on one core: held at once, and each still served."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from bench.fanout import usage
from bench.fanout.load import Crowd, Load, crowd_at
from bench.fanout.measure import running
from bench.fanout.pace import TEXT
from bench.fanout.peers.ours import Ours
from bench.fanout.scenario import Outcome, Run, Scenario, Verdict

EDGES: Final = 6
VIEWERS: Final = 100_002
PER_S: Final = 1_000  # connections opened a second: the core's share of each edge
COMMENTS: Final = 3
LONGEST_S: Final = 30
AT_MOST_MB: Final = 500


async def _run(run: Run) -> Outcome:
    crowd = Crowd(VIEWERS // EDGES, per_s=PER_S)
    async with contextlib.AsyncExitStack() as stack:
        edges = [await stack.enter_async_context(running(Ours(run.lab))) for _ in range(EDGES)]
        loads: list[Load] = []
        for number, edge in enumerate(edges, start=1):
            run.say(f"edge {number} of {EDGES}: {crowd.viewers:,} viewers")
            loads.append(await stack.enter_async_context(crowd_at(run.lab, edge.port, edge.path, crowd)))
            await loads[-1].open()
        resident_mb = usage.resident_kb([pid for edge in edges for pid in edge.pids()]) / 1024
        for _ in range(COMMENTS):
            await edges[0].publish("room-0", TEXT)
            await asyncio.sleep(1)
        reports = [await load.received(crowd.viewers * COMMENTS, LONGEST_S) for load in loads]
    held = sum(report.connections for report in reports)
    served = all(report.received_least == COMMENTS and not report.disorder for report in reports)
    verdict = Verdict(
        f"viewers held at once over {EDGES} edge processes, each served, resident for all edges",
        f"{VIEWERS // 1000 * 1000:,} in ≤ {AT_MOST_MB} MB",
        f"{held:,} in {resident_mb:.0f} MB{'' if served else ', not all served'}",
        held == VIEWERS and served and resident_mb <= AT_MOST_MB,
    )
    return Outcome([], [verdict])


SCENARIO: Final = Scenario("hundred_thousand", f"100,000 viewers over {EDGES} edges", _run, long=True)
