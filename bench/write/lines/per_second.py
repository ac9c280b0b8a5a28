"""How many comments a second are accepted with 201: one writer, all parts and the load on two cores."""

from __future__ import annotations

from typing import Final

from bench.fanout.scenario import Verdict
from bench.figure import Figure
from bench.write import wrk
from bench.write.line import Found, Line, Run
from bench.write.system import Window

REACH_PER_S: Final = 2_500
REACH_P99_MS: Final = 100
CONNECTIONS: Final = 256
SECONDS: Final = 10.0


def measure(run: Run) -> Found:
    """Measure through the gateway, as clients come."""
    system, seconds = run.system, run.seconds(SECONDS)
    wrk.posts(system.gateway, system.authors_file, 2, CONNECTIONS)
    best, shares, costs = 0.0, [], {}
    rates: list[float] = []
    for turn in range(run.rounds):
        run.say(f"as many as go, turn {turn + 1}")
        window = Window(system)
        answers = wrk.posts(system.gateway, system.authors_file, seconds, CONNECTIONS)
        used = window.close()
        shares.append(used.others_share(answers.cpu_s))
        per_s = answers.count(201) / answers.seconds
        rates.append(per_s)
        if per_s > best:
            best, costs = per_s, {**used.us_each(answers.count(201, 202)), "wrk": _us(answers)}
    run.say("half of it")
    window = Window(system)
    half = wrk.posts(system.gateway, system.authors_file, seconds, CONNECTIONS, per_s=best / 2)
    others = window.close().others_share(half.cpu_s)
    return Found(
        [
            Verdict(
                "accepted (201) per second, all on two cores",
                f"≥ {REACH_PER_S:,}",
                f"{best:,.0f}",
                best >= REACH_PER_S,
            ),
            Verdict(
                "… p99 at half of it",
                f"< {REACH_P99_MS} ms",
                f"{half.p99_ms:.0f} ms (p50 {half.p50_ms:.1f}) at {half.count(201, 202) / half.seconds:,.0f}/s",
                half.p99_ms < REACH_P99_MS and not half.failed,
            ),
        ],
        [
            f"µs of CPU per comment at {best:,.0f}/s: " + ", ".join(f"{part} {us:.0f}" for part, us in costs.items()),
            f"other programs had {min(shares):.0%} to {max(shares):.0%} of the two cores, {others:.0%} at half",
        ],
        {
            "per_s": best,
            "us": costs,
            "others_share": shares,
            "half": {"p50_ms": half.p50_ms, "p99_ms": half.p99_ms, "max_ms": half.max_ms, "statuses": half.statuses},
        },
        [Figure("accepted (201) a second, all on two cores", "1/s", rates, "higher")],
    )


def _us(answers: wrk.Answers) -> float:
    return answers.cpu_s / max(1, answers.count(201, 202)) * 1e6


LINE: Final = Line("per-second", "how many comments a second", measure)
