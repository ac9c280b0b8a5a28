"""That a delivery costs the same for few and for many viewers of a video, and beside few and many other videos.

The rooms of each comparison take turns, several times, and the medians count. Every load makes about as many deliveries
a second, none coalesced. A comment's own price (heard, checked, framed once) is paid by all its viewers together, so it
shows where they are few. A kernel's price of a write rises with the number of sockets, whoever writes: few of them stay
in the processor's caches. So a bare send loop in C has as many viewers beside each room, and takes turns with it. The
videos beside a room have a viewer and a comment each.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
from dataclasses import replace
from typing import Final

from bench.fanout.load import Crowd
from bench.fanout.measure import Opened, Plan, Row, measure_open, opened, running
from bench.fanout.pace import TEXT
from bench.fanout.peers.bare import Bare
from bench.fanout.peers.ours import Ours
from bench.fanout.scenario import Outcome, Run, Scenario, Verdict
from bench.figure import Figure

DELIVERIES_PER_S: Final = 20_000
VIEWERS: Final = (100, 1_000, 15_000)
VIDEOS: Final = (1, 100, 10_000)
BESIDE_VIEWERS: Final = 2_000
SECONDS: Final = 2
WARM_UP_S: Final = 0.3
ROUNDS: Final = 5
QUICK_ROUNDS: Final = 2
AT_MOST: Final = 1.5
AT_ONCE: Final = 200  # comments on their way into the store


async def _run(run: Run) -> Outcome:
    both, both_costs = await _by_viewers(run)
    by_viewers, bare, viewers_costs, bare_costs = both[0::2], both[1::2], both_costs[0::2], both_costs[1::2]
    by_videos, videos_costs = await _by_videos(run)
    ratios = [
        statistics.median(one / other for one, other in zip(ours, bares, strict=True))
        for ours, bares in zip(viewers_costs, bare_costs, strict=True)
    ]
    return Outcome(
        [*both, *by_videos],
        [
            _verdict(f"cost a delivery, {VIEWERS[0]:,} to {VIEWERS[-1]:,} viewers of a video", by_viewers),
            Verdict("… of the bare C loop, with as many viewers", "–", _times(bare), met=True),
            Verdict(
                "… of this edge, beside the bare C loop's with as many viewers",
                f"flat within {AT_MOST} ×",
                f"{max(ratios) / min(ratios):.2f} × ({', '.join(f'{one:.2f}' for one in ratios)} ×)",
                max(ratios) <= AT_MOST * min(ratios),
            ),
            _verdict(f"cost a delivery, {VIDEOS[0]:,} to {VIDEOS[-1]:,} videos open", by_videos),
        ],
        figures=[
            *(
                Figure(f"CPU a delivery to {viewers:,} viewers", "µs", costs)
                for viewers, costs in zip(VIEWERS, viewers_costs, strict=True)
            ),
            *(
                Figure(f"CPU a delivery to {viewers:,} viewers: {Bare.name}", "µs", costs)
                for viewers, costs in zip(VIEWERS, bare_costs, strict=True)
            ),
            *(
                Figure(f"CPU a delivery beside {videos:,} videos", "µs", costs)
                for videos, costs in zip(VIDEOS, videos_costs, strict=True)
            ),
        ],
    )


async def _by_viewers(run: Run) -> tuple[list[Row], list[list[float]]]:
    """Measure rooms of one edge, each followed by a bare loop."""
    async with contextlib.AsyncExitStack() as stack:
        edge = await stack.enter_async_context(running(Ours(run.lab)))
        rooms: list[Opened] = []
        for room, viewers in enumerate(VIEWERS):
            run.say(f"a room of {viewers:,}")
            crowd = Crowd(viewers, first_room=room)
            rooms.append(await stack.enter_async_context(opened(edge, crowd)))
            bare = await stack.enter_async_context(running(Bare(run.lab)))
            rooms.append(await stack.enter_async_context(opened(bare, crowd)))
        return await _take_turns(run, rooms)


async def _by_videos(run: Run) -> tuple[list[Row], list[list[float]]]:
    """Measure rooms of the same size, each on an edge of its own beside other videos."""
    async with contextlib.AsyncExitStack() as stack:
        rooms: list[Opened] = []
        for room, videos in enumerate(VIDEOS):
            run.say(f"{videos:,} videos")
            edge = await stack.enter_async_context(running(Ours(run.lab)))
            if videos > 1:
                others = Crowd(videos - 1, rooms=videos - 1, first_room=len(VIDEOS))
                await stack.enter_async_context(opened(edge, others))
            rooms.append(await stack.enter_async_context(opened(edge, Crowd(BESIDE_VIEWERS, first_room=room))))
        await _one_comment_each(run, range(len(VIDEOS), len(VIDEOS) + VIDEOS[-1]))
        rows, costs = await _take_turns(run, rooms)
    return [replace(row, rooms=videos) for row, videos in zip(rows, VIDEOS, strict=True)], costs


async def _one_comment_each(run: Run, rooms: range) -> None:
    for place in range(0, len(rooms), AT_ONCE):
        some = rooms[place : place + AT_ONCE]
        await asyncio.gather(*(run.lab.store.publish(f"room-{room}", TEXT) for room in some))
    await asyncio.sleep(2)  # until they are quiet


async def _take_turns(run: Run, rooms: list[Opened]) -> tuple[list[Row], list[list[float]]]:
    """Return each room's row with the median cost, and all its costs."""
    rounds = run.rounds or (QUICK_ROUNDS if run.quick else ROUNDS)
    rows: list[list[Row]] = [[] for _ in rooms]
    for turn in range(1, rounds + 1):
        run.say(f"{turn} of {rounds}")
        for those, several in zip(rooms, rows, strict=True):
            plan = Plan(those.crowd, DELIVERIES_PER_S / those.crowd.viewers, SECONDS)
            several.append(await measure_open("flat_cost", those, plan, WARM_UP_S))
    costs = [[row.us_per_delivery for row in several] for several in rows]
    middle = [several[each.index(statistics.median_low(each))] for several, each in zip(rows, costs, strict=True)]
    return middle, costs


def _verdict(what: str, rows: list[Row]) -> Verdict:
    costs = [row.us_per_delivery for row in rows]
    flat = max(costs) <= AT_MOST * min(costs)
    return Verdict(what, f"flat within {AT_MOST} ×", _times(rows), flat and all(row.clean for row in rows))


def _times(rows: list[Row]) -> str:
    costs = [row.us_per_delivery for row in rows]
    return f"{max(costs) / min(costs):.2f} × ({', '.join(f'{cost:.1f}' for cost in costs)} µs)"


SCENARIO: Final = Scenario("flat_cost", "The cost of a delivery, from few to many", _run, long=True)
