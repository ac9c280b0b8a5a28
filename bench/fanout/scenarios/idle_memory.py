"""What a viewer costs who hears nothing: resident memory of the edge, and the kernel's."""

from __future__ import annotations

from typing import Final

from bench.fanout.load import Crowd
from bench.fanout.measure import Plan, measure
from bench.fanout.peers.ours import Ours
from bench.fanout.scenario import Outcome, Run, Scenario, Verdict
from bench.figure import Figure

VIEWERS: Final = 10_000
PER_S: Final = 1  # published after the memory was read: that each is served too
SECONDS: Final = 1
AT_MOST_KB: Final = 2.0


async def _run(run: Run) -> Outcome:
    run.say(Ours.name)
    row = await measure("idle_memory", Ours(run.lab), Plan(Crowd(VIEWERS), PER_S, SECONDS))
    verdict = Verdict(
        f"resident memory of the edge a viewer, {VIEWERS:,} idle ones",
        f"≤ {AT_MOST_KB:.0f} KB",
        f"{row.resident_kb_per_viewer:.2f} KB (and {row.kernel_kb_per_socket:.1f} KB in the kernel)",
        row.resident_kb_per_viewer <= AT_MOST_KB and row.clean,
    )
    figures = [
        Figure(f"memory a viewer, {VIEWERS:,} idle ones", "KB", [row.resident_kb_per_viewer]),
        Figure("kernel memory a socket", "KB", [row.kernel_kb_per_socket]),
        Figure("viewers taken in a second", "1/s", [row.opened_per_s], "higher"),
    ]
    return Outcome([row], [verdict], figures=figures)


SCENARIO: Final = Scenario("idle_memory", f"{VIEWERS:,} viewers who hear nothing", _run)
