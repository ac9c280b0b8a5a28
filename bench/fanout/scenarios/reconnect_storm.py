"""15,000 viewers come back to one edge at once, each 50 comments behind, while others go on watching.

5,000 do so first, as a room of their own: what they take says what 15,000 should (`bench/simulation/checking.py`).
"""

from __future__ import annotations

import asyncio
from typing import Final

from bench.fanout.load import Crowd, Report, crowd_at
from bench.fanout.measure import Opened, Plan, measure_open, opened, running
from bench.fanout.pace import TEXT, Pace
from bench.fanout.peers.ours import Ours
from bench.fanout.scenario import Outcome, Run, Scenario, Verdict
from bench.figure import Figure

FEWER: Final = 5_000
COMING_BACK: Final = 15_000
BEHIND: Final = 50
WATCHING: Final = 1_000  # the rest, in a room of their own
PER_S: Final = 10  # comments there
LONGEST_S: Final = 60  # after which nobody is waited for any more
SERVED_WITHIN_S: Final = 15
P99_MS: Final = 200
REST_ROOM: Final = 0
FEWER_ROOM: Final = 1
STORM_ROOM: Final = 2


def all_served(viewers: int) -> str:
    """Return the name of the figure that says after how many seconds all of so many were served."""
    return f"{viewers:,} viewers back at once: all served"


async def _run(run: Run) -> Outcome:
    run.say(Ours.name)
    async with running(Ours(run.lab)) as edge:
        rest = Crowd(WATCHING, first_room=REST_ROOM)
        async with opened(edge, rest) as those:
            fewer, _ = await _storm(run, those, FEWER, FEWER_ROOM)
            served, live = await _storm(run, those, COMING_BACK, STORM_ROOM)
            row = await measure_open("reconnect_storm", those, Plan(rest, PER_S, 2))
    everyone = served.served == COMING_BACK and not served.disorder and not served.closed
    p99_ms = live.latencies.ms(99)
    return Outcome(
        [row],
        [
            Verdict(
                f"{COMING_BACK:,} viewers back at once, each {BEHIND} behind: the last one is served",
                f"≤ {SERVED_WITHIN_S} s",
                f"{served.last_served_s:.1f} s" if everyone else f"{served.served:,} served",
                everyone and served.last_served_s <= SERVED_WITHIN_S,
            ),
            Verdict(
                "meanwhile, live p99 of the rest",
                f"< {P99_MS} ms",
                f"{p99_ms:.0f} ms (p50 {live.latencies.ms(50):.0f} ms)",
                p99_ms < P99_MS and not live.disorder and not live.closed,
            ),
        ],
        figures=[
            *(
                Figure(all_served(viewers), "s", [report.last_served_s])
                for viewers, report in ((FEWER, fewer), (COMING_BACK, served))
                if report.served == viewers
            ),
            Figure("… live p99 of the rest meanwhile", "ms", [p99_ms]),
        ],
    )


async def _storm(run: Run, those: Opened, viewers: int, room: int) -> tuple[Report, Report]:
    """Have viewers come back at once. Return what they were served, and what the rest got meanwhile."""
    edge, watching = those.peer, those.load
    numbers = await run.lab.store.publish_batch(f"room-{room}", [TEXT] * (BEHIND + 1))
    back = Crowd(viewers, first_room=room, per_s=0, last_id=numbers[0], served_at=BEHIND)
    async with crowd_at(run.lab, edge.port, edge.path, back) as coming:
        pace = Pace(edge.publish, [f"room-{REST_ROOM}"], PER_S)
        await asyncio.sleep(1)
        await watching.mark()
        await coming.begin_to_open()
        served = await coming.received(viewers * BEHIND, LONGEST_S)
        live = await watching.report()
        await pace.stop()
    return served, live


SCENARIO: Final = Scenario("reconnect_storm", f"{COMING_BACK:,} viewers coming back at once", _run, long=True)
