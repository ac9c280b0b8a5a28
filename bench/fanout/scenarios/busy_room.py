"""How many comments a core delivers in a busy room: 2,000 viewers, 500 comments a second.

Whoever writes once a comment and viewer would need a million writes a second for it: it delivers what it can.
"""

from __future__ import annotations

import statistics
from typing import Final

from bench.fanout.load import Crowd
from bench.fanout.measure import Plan, Row, measure_open, opened, running
from bench.fanout.peers.bare import Bare
from bench.fanout.peers.nchan import Nchan
from bench.fanout.peers.ours import Ours
from bench.fanout.peers.usual import UsualUvicorn
from bench.fanout.scenario import Outcome, Run, Scenario, Verdict
from bench.figure import Figure

VIEWERS: Final = 2_000
PER_S: Final = 500
SECONDS: Final = 5
AT_LEAST_PER_CORE_S: Final = 3_000_000
TIMES_OTHERS: Final = 20
P99_MS: Final = 200


async def _run(run: Run) -> Outcome:
    plan = Plan(Crowd(VIEWERS), PER_S, 3 if run.quick else SECONDS)
    rows: dict[str, Row] = {}
    figures: list[Figure] = []
    for peer in run.peers:
        if peer is Bare:
            continue
        async with running(peer(run.lab)) as server, opened(server, plan.crowd) as those:
            several = []
            rounds = 1 if run.quick and peer is not Ours else run.rounds or 1
            for turn in range(1, rounds + 1):
                run.say(f"{peer.name}, {turn} of {rounds}")
                several.append(await measure_open("busy_room", those, plan))
        costs = [row.us_per_delivery for row in several]
        rows[peer.name] = several[costs.index(statistics.median_low(costs))]
        figures.append(Figure(f"CPU a delivery, {PER_S} comments/s: {peer.name}", "µs", costs))
        figures.append(Figure(f"p99, {PER_S} comments/s: {peer.name}", "ms", [row.p99_ms for row in several]))
    ours = rows[Ours.name]
    verdicts = [
        Verdict(
            f"comments delivered per core second, {VIEWERS:,} viewers, {PER_S} comments/s",
            f"≥ {AT_LEAST_PER_CORE_S / 1e6:.0f} million",
            f"{ours.delivered_per_core_s / 1e6:.2f} million",
            ours.delivered_per_core_s >= AT_LEAST_PER_CORE_S and ours.clean,
        ),
        Verdict("the same: p99", f"< {P99_MS} ms", f"{ours.p99_ms:.0f} ms", ours.p99_ms < P99_MS),
    ]
    for peer in (Nchan, UsualUvicorn):
        row = rows.get(peer.name)
        times = ours.delivered_per_core_s / row.delivered_per_core_s if row is not None else None
        verdicts.append(
            Verdict(
                f"the same, beside {peer.name}",
                f"≥ {TIMES_OTHERS} ×",
                f"{times:.0f} ×" if times is not None else f"left out: {peer.missing()}",
                times >= TIMES_OTHERS if times is not None else None,
            )
        )
    return Outcome(list(rows.values()), verdicts, figures=figures)


SCENARIO: Final = Scenario("busy_room", f"One busy room, {VIEWERS:,} viewers, {PER_S} comments a second", _run)
