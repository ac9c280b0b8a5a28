"""What a write costs: every comment leaves alone, to 2,000 viewers of one video.

The servers take turns, several times, and each one's median counts: what else the machine does comes and goes.
"""

from __future__ import annotations

import statistics
from typing import Final

from bench.fanout.load import Crowd
from bench.fanout.measure import Plan, Row, measure
from bench.fanout.peers.bare import Bare
from bench.fanout.peers.ours import Ours
from bench.fanout.scenario import Outcome, Run, Scenario, Verdict

VIEWERS: Final = 2_000
PER_S: Final = 5  # far enough apart that nothing is coalesced, and that the slowest server keeps up
SECONDS: Final = 4
ROUNDS: Final = 3
AT_MOST: Final = 1.3


async def _run(run: Run) -> Outcome:
    plan = Plan(Crowd(VIEWERS), PER_S, 2 if run.quick else SECONDS)
    rounds = 1 if run.quick else ROUNDS
    rows: dict[str, list[Row]] = {}
    for turn in range(1, rounds + 1):
        for peer in run.peers:
            run.say(f"{peer.name} ({turn} of {rounds})")
            row = await measure("one_write", peer, run.lab, plan)
            rows.setdefault(peer.name, []).append(row)
    medians = {name: statistics.median_low([row.us_per_write for row in several]) for name, several in rows.items()}
    ratio = medians[Ours.name] / medians[Bare.name]
    verdict = Verdict(
        "CPU a socket write, one comment a write, 2,000 viewers",
        f"≤ {AT_MOST} × the bare C loop",
        f"{ratio:.2f} × ({medians[Ours.name]:.1f} µs, bare {medians[Bare.name]:.1f} µs)",
        ratio <= AT_MOST,
    )
    middle = [next(row for row in several if row.us_per_write == medians[name]) for name, several in rows.items()]
    return Outcome(middle, [verdict])


SCENARIO: Final = Scenario("one_write", f"One comment a write, {VIEWERS:,} viewers, {PER_S} comments a second", _run)
