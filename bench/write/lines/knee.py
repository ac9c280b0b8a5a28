"""How late answers come, as more and more comments are posted: up to the knee and beyond it, through the gateway."""

from __future__ import annotations

from typing import Final

from bench.fanout.scenario import Verdict
from bench.figure import Figure
from bench.write import wrk
from bench.write.line import Found, Line, Run

STEPS: Final = (100, 250, 500, 1_000, 1_500, 2_000, 2_500, 3_000, 4_000)  # comments a second
CONNECTIONS: Final = 256
SECONDS: Final = 4.0
LATE_MS: Final = 100
HOPELESS_MS: Final = 1_000


def measure(run: Run) -> Found:
    """Post at each rate in turn, until answers come hopelessly late or not as fast as they are asked for."""
    system = run.system
    wrk.posts(system.gateway, system.authors_file, 1, CONNECTIONS)
    steps: list[dict[str, float]] = []
    for per_s in STEPS:
        run.say(f"{per_s:,} comments/s")
        answers = wrk.posts(system.gateway, system.authors_file, run.seconds(SECONDS), CONNECTIONS, per_s=per_s)
        done = answers.count(201, 202) / answers.seconds
        steps.append(
            {
                "asked": per_s,
                "per_s": done,
                "p50_ms": answers.p50_ms,
                "p99_ms": answers.p99_ms,
                "answered_202": answers.count(202),
                "failed": answers.failed,
            }
        )
        if answers.failed or answers.p99_ms > HOPELESS_MS or done < per_s * 0.8:
            break
    most = max((step["per_s"] for step in steps if not step["failed"] and step["p99_ms"] < LATE_MS), default=0.0)
    return Found(
        [Verdict(f"accepted a second with p99 below {LATE_MS} ms", "–", f"{most:,.0f}", met=bool(most) or None)],
        figures={"steps": steps},
        measured=[Figure(f"accepted a second with p99 below {LATE_MS} ms", "1/s", [most], "higher")],
    )


LINE: Final = Line("knee", "more and more comments", measure)
