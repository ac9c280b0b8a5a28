"""What a write costs: every comment leaves alone, to 2,000 viewers of one video.

All servers run at once and take turns, several times: what else the machine does comes and goes, so only neighbours in
time are compared. The median of their ratios counts.
"""

from __future__ import annotations

import contextlib
import statistics
from typing import Final

from bench.fanout.load import Crowd
from bench.fanout.measure import Opened, Plan, Row, measure_open, opened, running
from bench.fanout.peers.bare import Bare
from bench.fanout.peers.ours import Ours
from bench.fanout.scenario import Outcome, Run, Scenario, Verdict
from bench.figure import Figure

VIEWERS: Final = 2_000
PER_S: Final = 5  # far enough apart that nothing is coalesced, and that the slowest server keeps up
SECONDS: Final = 2
ROUNDS: Final = 7
QUICK_ROUNDS: Final = 3
QUICK_ROUNDS_OF_OTHERS: Final = 2
WARM_UP_S: Final = 0.3
AT_MOST: Final = 1.3


async def _run(run: Run) -> Outcome:
    rounds = run.rounds or (QUICK_ROUNDS if run.quick else ROUNDS)
    rows: dict[str, list[Row]] = {peer.name: [] for peer in run.peers}
    async with contextlib.AsyncExitStack() as stack:
        servers: list[tuple[Opened, Plan]] = []
        for room, peer_type in enumerate(run.peers):
            run.say(f"{peer_type.name}: {VIEWERS:,} viewers")
            peer = await stack.enter_async_context(running(peer_type(run.lab)))
            # A room for each: the store's comments reach whoever listens to it.
            plan = Plan(Crowd(VIEWERS, first_room=room), PER_S, SECONDS)
            servers.append((await stack.enter_async_context(opened(peer, plan.crowd)), plan))
        for turn in range(1, rounds + 1):
            for those, plan in servers:
                if run.quick and turn > QUICK_ROUNDS_OF_OTHERS and type(those.peer) not in (Bare, Ours):
                    continue
                run.say(f"{those.peer.name}, {turn} of {rounds}")
                rows[those.peer.name].append(await measure_open("one_write", those, plan, WARM_UP_S))
    ratios = [
        ours.us_per_write / bare.us_per_write for ours, bare in zip(rows[Ours.name], rows[Bare.name], strict=True)
    ]
    ratio = statistics.median(ratios)
    middle = {name: sorted(some, key=lambda row: row.us_per_write)[len(some) // 2] for name, some in rows.items()}
    verdict = Verdict(
        "CPU a socket write, one comment a write, 2,000 viewers",
        f"≤ {AT_MOST} × the bare C loop",
        f"{ratio:.2f} × ({middle[Ours.name].us_per_write:.1f} µs, bare {middle[Bare.name].us_per_write:.1f} µs)",
        ratio <= AT_MOST and all(row.clean for row in rows[Ours.name]),
    )
    figures = [
        Figure("a socket write, of the bare C loop's", "×", ratios),
        *(
            Figure(f"CPU a socket write: {name}", "µs", [row.us_per_write for row in several])
            for name, several in rows.items()
        ),
        *(Figure(f"memory a viewer: {name}", "KB", [row.resident_kb_per_viewer]) for name, row in middle.items()),
    ]
    return Outcome(list(middle.values()), [verdict], figures=figures)


SCENARIO: Final = Scenario("one_write", f"One comment a write, {VIEWERS:,} viewers, {PER_S} comments a second", _run)
