"""From when a POST was due until a viewer has the comment: an open loop over many videos, every viewer checked."""

from __future__ import annotations

import secrets
from typing import Final

from bench import latency
from bench.fanout.scenario import Verdict
from bench.plan import Plan
from bench.write.line import Found, Line, Run
from bench.write.system import Window
from livecomments.cluster_here import token_issuer
from runtime.settings import Settings

REACH_P50_MS: Final = 15
REACH_P99_MS: Final = 100
PER_S: Final = 500
VIDEOS: Final = 50
VIEWERS: Final = 1_000
SECONDS: Final = 15.0
WARM_UP_S: Final = 3.0


def measure(run: Run) -> Found:
    """Measure through the gateway."""
    system = run.system
    plan = Plan(secrets.token_hex(4), PER_S, VIDEOS, VIEWERS, latency.AUTHORS, run.seconds(SECONDS), WARM_UP_S)
    window = Window(system)
    result = latency.measure(system.gateway, plan, token_issuer(Settings(data_dir=system.cluster.data_dir)))
    used = window.close()
    p50_ms, p99_ms = result.watched.latencies.percentiles_ms(50, 99)
    verdict = result.watched.verdict
    post_ms = result.posted.latencies.percentiles_ms(50, 99)
    what = f"POST to viewer, {PER_S}/s over {VIDEOS} videos, {VIEWERS:,} viewers"
    return Found(
        [
            Verdict(f"{what}: p50", f"< {REACH_P50_MS} ms", f"{p50_ms:.1f} ms", p50_ms < REACH_P50_MS and result.good),
            Verdict("… p99", f"< {REACH_P99_MS} ms", f"{p99_ms:.0f} ms", p99_ms < REACH_P99_MS and result.good),
        ],
        [
            f"answers there: p50 {post_ms[0]:.1f} ms, p99 {post_ms[1]:.0f} ms",
            f"missed {verdict.missed}, repeated {verdict.repeated}, out of order {verdict.out_of_order}",
            f"the parts used {sum(used.parts.values()) / used.seconds:.2f} cores, all {used.busy_s / used.seconds:.2f}",
        ],
        {"viewer_ms": [p50_ms, p99_ms], "post_ms": post_ms, "expected": verdict.expected},
    )


LINE: Final = Line("to-viewers", "from POST to viewer", measure)
