"""How many comments a core delivers in a busy room: 2,000 viewers, 500 comments a second.

Whoever writes once a comment and viewer would need a million writes a second for it. It delivers what it can, seconds
late, and then several comments at once, which costs it less the further behind it is: such a figure compares a server
that is in time with one that is not. So one that is late is given fewer comments a second, until it is in time too.
"""

from __future__ import annotations

import statistics
from typing import Final

from bench.fanout.load import Crowd
from bench.fanout.measure import Plan, Row, measure, measure_open, opened, running
from bench.fanout.peers.bare import Bare
from bench.fanout.peers.nchan import Nchan
from bench.fanout.peers.ours import Ours
from bench.fanout.peers.peer import Peer
from bench.fanout.peers.usual import UsualUvicorn
from bench.fanout.scenario import Outcome, Run, Scenario, Verdict
from bench.figure import Figure

VIEWERS: Final = 2_000
PER_S: Final = 500
SECONDS: Final = 5
AT_LEAST_PER_CORE_S: Final = 3_000_000
TIMES_OTHERS: Final = 20
P99_MS: Final = 200
FEWER_PER_S: Final = (250, 100, 50, 40, 30, 20, 10, 5)  # for a server that is late, until it is not
QUICK_FEWER_PER_S: Final = (20, 5)


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
    in_time: list[Row] = []
    for peer in (Nchan, UsualUvicorn):
        if peer not in run.peers:
            left_out = f"left out: {peer.missing() or 'not among the servers asked for'}"
            verdicts.append(Verdict(f"the same, beside {peer.name}", f"≥ {TIMES_OTHERS} ×", left_out, None))
            continue
        offered = rows[peer.name]
        most = offered if _in_time(offered) else await _most_in_time(run, peer)
        if most is not None and most is not offered:
            in_time.append(most)
        verdicts += _beside(ours, offered, most)
    return Outcome([*rows.values(), *in_time], verdicts, figures=figures)


def _in_time(row: Row) -> bool:
    return row.clean and row.p99_ms < P99_MS


async def _most_in_time(run: Run, peer: type[Peer]) -> Row | None:
    """Return the row of as many comments a second as a server delivers in time; None when it never does."""
    for per_s in QUICK_FEWER_PER_S if run.quick else FEWER_PER_S:
        run.say(f"{peer.name}, {per_s} comments/s")
        row = await measure("in_time", peer(run.lab), Plan(Crowd(VIEWERS), per_s, 2 if run.quick else SECONDS))
        if _in_time(row):
            return row
    return None


def _beside(ours: Row, offered: Row, most: Row | None) -> list[Verdict]:
    """Hold this edge against the most that another delivers in time; for the record also against it when it is late."""
    what, reach = f"the same, beside {offered.server}", f"≥ {TIMES_OTHERS} ×"
    if most is None:
        verdicts = [Verdict(what, reach, f"it never has p99 < {P99_MS} ms", None)]
    else:
        times = ours.delivered_per_core_s / most.delivered_per_core_s
        measured = f"{times:.0f} × (it with {most.comments_per_s:g} comments/s, p99 {most.p99_ms:.0f} ms)"
        verdicts = [Verdict(what, reach, measured, times >= TIMES_OTHERS)]
    if offered is not most:
        times = ours.delivered_per_core_s / offered.delivered_per_core_s
        measured = f"{times:.0f} × (it with p99 {offered.p99_ms:,.0f} ms, {offered.missing:,} comments behind)"
        verdicts.append(Verdict(f"{what} with {PER_S} comments/s too", "–", measured, met=True))
    return verdicts


SCENARIO: Final = Scenario("busy_room", f"One busy room, {VIEWERS:,} viewers, {PER_S} comments a second", _run)
