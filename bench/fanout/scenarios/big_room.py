"""10,000 viewers of one video on one edge process, 20 comments a second: the p99 of delivery."""

from __future__ import annotations

from typing import Final

from bench.fanout.load import Crowd
from bench.fanout.measure import Plan, measure
from bench.fanout.peers.ours import Ours
from bench.fanout.scenario import Outcome, Run, Scenario, Verdict

VIEWERS: Final = 10_000
PER_S: Final = 20
SECONDS: Final = 8
P99_MS: Final = 200


async def _run(run: Run) -> Outcome:
    run.say(Ours.name)
    row = await measure("big_room", Ours(run.lab), Plan(Crowd(VIEWERS), PER_S, 4 if run.quick else SECONDS))
    verdict = Verdict(
        f"one room, {VIEWERS:,} viewers on one edge process, {PER_S} comments/s: p99",
        f"< {P99_MS} ms",
        f"{row.p99_ms:.0f} ms",
        row.p99_ms < P99_MS and row.clean,
    )
    return Outcome([row], [verdict])


SCENARIO: Final = Scenario("big_room", f"One big room, {VIEWERS:,} viewers, {PER_S} comments a second", _run)
