"""From a POST until every viewer has the comment: many videos, an open loop, the viewers of `bench/fanout/`."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from asyncio.subprocess import Process
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bench.fanout.child import end, spawn
from bench.fanout.load import Latencies, Load
from bench.fanout.programs import compile_programs
from bench.fanout.scenario import Verdict
from bench.write import wrk
from bench.write.line import Found, Line, Run
from bench.write.system import Used, Window

REACH_P50_MS: Final = 15
REACH_P99_MS: Final = 100
PER_S: Final = 500
VIDEOS: Final = 50
VIEWERS: Final = 1_000
CONNECTIONS: Final = 128
OPENED_PER_S: Final = 500
SECONDS: Final = 15.0
LAST_ONES_TIMEOUT_S: Final = 5.0
NAME: Final = "watched-"


def measure(run: Run) -> Found:
    """POST through the gateway, watch at the edges' own ports: a gateway holds few connections here."""
    with tempfile.TemporaryDirectory() as folder:
        answers, report, missing, used = asyncio.run(_measure(run, Path(folder)))
    p50_ms, p99_ms = report.ms(50), report.ms(99)
    good = not (missing or answers.failed)
    what = f"POST to viewer, {PER_S}/s over {VIDEOS} videos, {VIEWERS:,} viewers"
    return Found(
        [
            Verdict(f"{what}: p50", f"< {REACH_P50_MS} ms", f"{p50_ms:.1f} ms", p50_ms < REACH_P50_MS and good),
            Verdict("… p99", f"< {REACH_P99_MS} ms", f"{p99_ms:.0f} ms", p99_ms < REACH_P99_MS and good),
        ],
        [
            f"{answers.count(201, 202) / answers.seconds:,.0f} comments/s, {answers.count(202)} of them answered 202",
            f"answers: p50 {answers.p50_ms:.1f} ms, p99 {answers.p99_ms:.0f} ms; missing or out of order: {missing}",
            f"other programs had {used.others_share(answers.cpu_s):.0%} of the two cores",
        ],
        {
            "viewer_ms": {str(percent): report.ms(percent) for percent in (50, 90, 99, 99.9)},
            "post_ms": [answers.p50_ms, answers.p99_ms],
            "missing": missing,
        },
    )


async def _measure(run: Run, folder: Path) -> tuple[wrk.Answers, Latencies, int, Used]:
    system = run.system
    programs = await asyncio.to_thread(compile_programs, folder)
    edges = [urlsplit(edge["url"]).port for edge in system.cluster.describe()["edges"]]
    token = system.token("viewer")
    async with contextlib.AsyncExitStack() as stack:
        processes: list[Process] = []
        for place, port in enumerate(edges):
            rooms = VIDEOS // len(edges)
            options = ("-p", str(port), "-u", f"/comments/{NAME}%d/stream", "-a", token, "-t", "-R", str(OPENED_PER_S))
            those = ("-n", str(VIEWERS // len(edges)), "-f", str(place * rooms), "-r", str(rooms))
            process = await spawn(
                *(str(programs.viewers), *options, *those),
                core=system.cores[-1],
                log=folder / "viewers.log",
                talks=True,
            )
            stack.push_async_callback(end, process)
            processes.append(process)
        load = Load(processes, VIEWERS)
        await load.open()
        await load.mark()
        window = Window(system)
        answers = await asyncio.to_thread(
            wrk.posts,
            *(system.gateway, system.authors_file, run.seconds(SECONDS), CONNECTIONS),
            videos=VIDEOS,
            name=NAME,
            per_s=PER_S,
        )
        used = window.close()
        report = await load.received(answers.count(201, 202) * VIEWERS // VIDEOS, LAST_ONES_TIMEOUT_S)
    # What was on its way when the load ended was stored and is not counted: viewers may have had more.
    missing = max(0, answers.count(201, 202) * VIEWERS // VIDEOS - report.events) + report.disorder + report.closed
    return answers, report.latencies, missing, used


LINE: Final = Line("to-viewers", "from POST to viewer", measure)
