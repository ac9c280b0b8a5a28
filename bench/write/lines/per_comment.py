"""CPU of the writer process for each accepted comment, and of a plain Quart route on the same load, in turns."""

from __future__ import annotations

from statistics import median
from typing import Final

from bench.fanout import usage
from bench.fanout.scenario import Verdict
from bench.figure import Figure
from bench.write import wrk
from bench.write.line import Found, Line, Run
from bench.write.plain_peer import running_plain
from bench.write.system import US, System

REACH_US: Final = 250
REACH_RATIO: Final = 1 / 3
CONNECTIONS: Final = 128
SECONDS: Final = 5.0


def measure(run: Run) -> Found:
    """Measure both, in turns: what else the machine does meets both alike."""
    system, ours, theirs = run.system, [], []
    seconds = run.seconds(SECONDS)
    with running_plain(system) as plain:
        writer = system.url("writers")
        _cost_us(system, plain.url, [plain.pid], 1)
        _cost_us(system, writer, system.pids("writers"), 1)
        for turn in range(run.rounds):
            run.say(f"turn {turn + 1}")
            theirs.append(_cost_us(system, plain.url, [plain.pid], seconds))
            ours.append(_cost_us(system, writer, system.pids("writers"), seconds))
    cost_us, plain_us = median(ours), median(theirs)
    ratio = median(our / their for our, their in zip(ours, theirs, strict=True))
    return Found(
        [
            Verdict(
                "CPU of the writer per accepted comment", f"≤ {REACH_US} µs", f"{cost_us:.0f} µs", cost_us <= REACH_US
            ),
            Verdict(f"… of a plain Quart route's ({plain_us:.0f} µs)", "≤ 1/3", f"{ratio:.2f}", ratio <= REACH_RATIO),
        ],
        figures={"writer_us": ours, "plain_us": theirs, "ratio": ratio},
        measured=[
            Figure("CPU of the writer a comment", "µs", ours),
            Figure("… of a plain Quart route's", "×", [our / their for our, their in zip(ours, theirs, strict=True)]),
        ],
    )


def _cost_us(system: System, url: str, pids: list[int], seconds: float) -> float:
    before = usage.cpu_s(pids)
    answers = wrk.posts(url, system.authors_file, seconds, CONNECTIONS)
    used_s = usage.cpu_s(pids) - before
    if answers.failed:
        raise RuntimeError(f"{answers.failed} POSTs to {url} failed: {answers.statuses}, {answers.errors} errors")
    return used_s / answers.count(201, 202) * US


LINE: Final = Line("per-comment", "what a comment costs the writer", measure)
