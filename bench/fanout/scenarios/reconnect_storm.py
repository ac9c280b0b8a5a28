"""15,000 viewers come back to one edge at once, each 50 comments behind, while others go on watching."""

from __future__ import annotations

import asyncio
from typing import Final

from bench.fanout.load import Crowd, crowd_at
from bench.fanout.measure import Plan, measure_open, opened, running
from bench.fanout.pace import TEXT, Pace
from bench.fanout.peers.ours import Ours
from bench.fanout.scenario import Outcome, Run, Scenario, Verdict
from bench.figure import Figure

COMING_BACK: Final = 15_000
BEHIND: Final = 50
WATCHING: Final = 1_000  # the rest, in a room of their own
PER_S: Final = 10  # comments there
LONGEST_S: Final = 60  # after which nobody is waited for any more
SERVED_WITHIN_S: Final = 15
P99_MS: Final = 200
STORM_ROOM: Final = 0
REST_ROOM: Final = 1


async def _run(run: Run) -> Outcome:
    run.say(Ours.name)
    async with running(Ours(run.lab)) as edge:
        numbers = await run.lab.store.publish_batch(f"room-{STORM_ROOM}", [TEXT] * (BEHIND + 1))
        back = Crowd(COMING_BACK, first_room=STORM_ROOM, per_s=0, last_id=numbers[0], served_at=BEHIND)
        rest = Crowd(WATCHING, first_room=REST_ROOM)
        async with (
            opened(edge, rest) as those,
            crowd_at(run.lab, edge.port, edge.path, back) as coming,
        ):
            watching = those.load
            pace = Pace(edge.publish, [f"room-{REST_ROOM}"], PER_S)
            await asyncio.sleep(1)
            await watching.mark()
            await coming.begin_to_open()
            served = await coming.received(COMING_BACK * BEHIND, LONGEST_S)
            live = await watching.report()
            await pace.stop()
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
                [Figure(f"{COMING_BACK:,} viewers back at once: all served", "s", [served.last_served_s])]
                if everyone
                else []
            ),
            Figure("… live p99 of the rest meanwhile", "ms", [p99_ms]),
        ],
    )


SCENARIO: Final = Scenario("reconnect_storm", f"{COMING_BACK:,} viewers coming back at once", _run, long=True)
