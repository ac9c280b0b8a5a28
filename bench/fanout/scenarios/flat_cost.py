"""That a delivery costs the same for few and for many viewers of a video, and beside few and many other videos.

Every load makes about as many deliveries a second, none coalesced. A comment's own price (heard, checked, framed once)
is paid by all its viewers together, so it shows where they are few; the videos beside each have a viewer of their own.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Final

from bench.fanout.load import Crowd
from bench.fanout.measure import Plan, Row, measure, measure_open, opened, running
from bench.fanout.peers.ours import Ours
from bench.fanout.scenario import Outcome, Run, Scenario, Verdict

DELIVERIES_PER_S: Final = 15_000
VIEWERS: Final = (100, 1_000, 5_000, 15_000)
VIDEOS: Final = (1, 100, 10_000)
BESIDE_VIEWERS: Final = 2_000
SECONDS: Final = 5
AT_MOST: Final = 1.5


async def _run(run: Run) -> Outcome:
    by_viewers: list[Row] = []
    for viewers in VIEWERS:
        run.say(f"{viewers:,} viewers")
        plan = Plan(Crowd(viewers), DELIVERIES_PER_S / viewers, SECONDS)
        by_viewers.append(await measure("flat_cost", Ours(run.lab), plan))
    by_videos: list[Row] = []
    for videos in VIDEOS:
        run.say(f"{videos:,} videos")
        by_videos.append(await _beside(run, videos))
    return Outcome(
        [*by_viewers, *by_videos],
        [
            _verdict(f"cost a delivery, {VIEWERS[0]:,} to {VIEWERS[-1]:,} viewers of a video", by_viewers),
            _verdict(f"cost a delivery, {VIDEOS[0]:,} to {VIDEOS[-1]:,} videos open", by_videos),
        ],
    )


async def _beside(run: Run, videos: int) -> Row:
    """Measure one room while others are open, each with a viewer."""
    room = Crowd(BESIDE_VIEWERS)
    async with running(Ours(run.lab)) as edge, contextlib.AsyncExitStack() as stack:
        if videos > 1:
            others = Crowd(videos - 1, rooms=videos - 1, first_room=1)
            await stack.enter_async_context(opened(edge, others))
        those = await stack.enter_async_context(opened(edge, room))
        row = await measure_open("flat_cost", those, Plan(room, DELIVERIES_PER_S / BESIDE_VIEWERS, SECONDS))
    return replace(row, rooms=videos)


def _verdict(what: str, rows: list[Row]) -> Verdict:
    costs = [row.us_per_delivery for row in rows]
    ratio = max(costs) / min(costs)
    measured = f"{ratio:.2f} × ({', '.join(f'{cost:.1f}' for cost in costs)} µs)"
    return Verdict(what, f"flat within {AT_MOST} ×", measured, ratio <= AT_MOST and all(row.clean for row in rows))


SCENARIO: Final = Scenario("flat_cost", "The cost of a delivery, from few to many", _run, long=True)
