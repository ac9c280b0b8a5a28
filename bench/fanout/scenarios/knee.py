"""How many comments a server delivers, and how late, as more and more are published: up to the knee and beyond it.

The knee is where a server does not deliver all that it owes in time any more. Each server is given more comments a
second, step by step, until it is a second behind.
"""

from __future__ import annotations

from typing import Final

from bench.fanout.load import Crowd
from bench.fanout.measure import Plan, Row, measure_open, opened, running
from bench.fanout.peers.bare import Bare
from bench.fanout.peers.nchan import Nchan
from bench.fanout.peers.ours import Ours
from bench.fanout.peers.usual import UsualUvicorn
from bench.fanout.scenario import Outcome, Run, Scenario, Verdict
from bench.figure import Figure

VIEWERS: Final = 1_000
STEPS: Final = (5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 4_000)  # comments a second
QUICK_STEPS_OF_OTHERS: Final = (5, 20, 100, 200, 500)
SECONDS: Final = 2
LATE_MS: Final = 200
HOPELESS_MS: Final = 1_000
AMONG: Final = (Ours, Nchan, UsualUvicorn)


async def _run(run: Run) -> Outcome:
    rows: list[Row] = []
    figures: list[Figure] = []
    verdicts: list[Verdict] = []
    for peer in run.peers:
        if peer is Bare or (run.quick and peer not in AMONG):
            continue
        steps: list[Row] = []
        async with running(peer(run.lab)) as server, opened(server, Crowd(VIEWERS)) as those:
            for per_s in QUICK_STEPS_OF_OTHERS if run.quick and peer is not Ours else STEPS:
                run.say(f"{peer.name}, {per_s:,} comments/s")
                steps.append(await measure_open("knee", those, Plan(those.crowd, per_s, SECONDS)))
                if not steps[-1].p99_ms < HOPELESS_MS or not steps[-1].clean:
                    break
        most = max((row.delivered / row.seconds for row in steps if row.clean and row.p99_ms < LATE_MS), default=0.0)
        figures.append(
            Figure(f"delivered a second within {LATE_MS} ms (p99), one core: {peer.name}", "1/s", [most], "higher")
        )
        if peer is Ours:
            what = f"delivered a second with p99 below {LATE_MS} ms, {VIEWERS:,} viewers"
            verdicts.append(Verdict(what, "–", f"{most:,.0f}", None if not most else True))
        rows += steps
    return Outcome(rows, verdicts, figures=figures)


SCENARIO: Final = Scenario("knee", f"More and more comments, {VIEWERS:,} viewers", _run, long=True)
