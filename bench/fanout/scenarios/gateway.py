"""What the gateway adds to a write: viewers that come through HAProxy, beside the same edge without it."""

from __future__ import annotations

from typing import Final

from bench.fanout.load import Crowd
from bench.fanout.measure import Plan, Row, measure_open, opened, running
from bench.fanout.peers.gateway import Gateway
from bench.fanout.scenario import Outcome, Run, Scenario, Verdict
from bench.figure import Figure

VIEWERS: Final = 2_000
PER_S: Final = 5
SECONDS: Final = 2
ROUNDS: Final = 5
WARM_UP_S: Final = 0.3


async def _run(run: Run) -> Outcome:
    rows: list[Row] = []
    rounds = run.rounds or ROUNDS
    async with running(Gateway(run.lab)) as gateway, opened(gateway, Crowd(VIEWERS)) as those:
        for turn in range(1, rounds + 1):
            run.say(f"{turn} of {rounds}")
            rows.append(await measure_open("gateway", those, Plan(those.crowd, PER_S, SECONDS), WARM_UP_S))
    middle = sorted(rows, key=lambda row: row.us_per_delivery)[rounds // 2]
    verdict = Verdict("CPU of the gateway a frame", "–", f"{middle.us_per_delivery:.1f} µs", middle.clean or None)
    figures = [
        Figure("CPU of the gateway a frame", "µs", [row.us_per_delivery for row in rows]),
        Figure("memory of the gateway a viewer", "KB", [middle.resident_kb_per_viewer]),
    ]
    return Outcome([middle], [verdict], figures=figures)


SCENARIO: Final = Scenario("gateway", f"{VIEWERS:,} viewers through the gateway", _run, long=True)
