"""`python -m bench.capacity.scenarios`: the table of docs/capacity.md, out of recorded costs; a test holds the two."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bench.capacity import costs as measured
from bench.capacity.costs import Costs
from bench.capacity.demand import Demand
from bench.capacity.limits import limits
from bench.capacity.model import Capacity, compute
from bench.capacity.policy import Policy

MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Scenario:
    """A load that is documented."""

    name: str
    asked: str
    demand: Demand


SCENARIOS: Final = (
    Scenario(
        "10 thousand viewers",
        "100 videos, 1 comment/s each; 2,000 viewers and 10/s on one",
        Demand(10_000, 100, 1, 2_000, 10),
    ),
    Scenario(
        "1 million",
        "10,000 videos, 2/s; 200,000 and 50/s on one",
        Demand(MILLION, 10_000, 2, 200_000, 50),
    ),
    Scenario(
        "100 million",
        "a million videos, 1/s; 1 million and 100/s on one",
        Demand(100 * MILLION, MILLION, 1, MILLION, 100),
    ),
    Scenario("10 million on one video", "500 comments/s", Demand(10 * MILLION, 1, 500, 10 * MILLION, 500)),
    Scenario(
        "the paper limit",
        "a million videos, 1,000/s each; 100 million viewers",
        Demand(100 * MILLION, MILLION, 1_000, 100, 1_000),
    ),
)


def table(costs: Costs, policy: Policy) -> str:
    """Return the table as Markdown."""
    found = [compute(scenario.demand, costs, policy) for scenario in SCENARIOS]

    def row(name: str, cell: Callable[[Capacity], str]) -> str:
        return f"| {name} | {' | '.join(cell(one) for one in found)} |"

    def processes(*parts: str) -> Callable[[Capacity], str]:
        return lambda one: ", ".join(about(one.need(part).processes) for part in parts)

    def first(one: Capacity) -> str:
        limit = limits(one, costs)[0]
        used = f"{limit.share:.0%}" if limit.share < 10 else f"{about(limit.share)} ×"
        return f"{used}: {limit.what.partition(':')[0].partition(',')[0]}"

    return "\n".join(
        (
            f"| | {' | '.join(scenario.name for scenario in SCENARIOS)} |",
            "|---" * (len(SCENARIOS) + 1) + "|",
            f"| asked for | {' | '.join(scenario.asked for scenario in SCENARIOS)} |",
            row("comments a second", lambda one: about(one.demand.comments_per_s)),
            row("deliveries a second", lambda one: about(one.deliveries_per_s)),
            row("viewers who poll", lambda one: about(one.polling) if one.polling else "–"),
            row("edges", processes("edge")),
            row("gateway, streams included", processes("gateway")),
            row("writers, archivers", processes("writer", "archiver")),
            row(f"NATS, {policy.replicas} copies", processes("nats")),
            row("history", processes("history")),
            row(
                "Postgres: cores of the primary, of replicas",
                lambda one: ", ".join(about(one.need(part).cores) for part in ("postgres", "replica")),
            ),
            row("memory of edges for viewers, GB", lambda one: about(one.edges_gb)),
            row("shards", lambda one: about(one.shards)),
            row("to the viewers, Gbit/s", lambda one: about(one.egress_gbps)),
            row("a month, TB", lambda one: about(one.month_tb)),
            row("Postgres grows by, a month, GB", lambda one: about(one.postgres_month_gb)),
            row(
                f"most machines, of {policy.machine_cores} cores",
                lambda one: f"{one.bottleneck.part}, {about(one.bottleneck.machines)}",
            ),
            row("nearest limit", first),
        )
    )


def about(value: float) -> str:
    """Return a number with three figures at most, and its words."""
    for size, word in ((1e9, " billion"), (1e6, " million")):
        if value >= size * 0.9995:
            return f"{float(f'{value / size:.3g}'):,g}{word}"
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if rounded >= 100 else f"{rounded:g}"


if __name__ == "__main__":
    print(table(measured.read(measured.RECORDED), Policy()))
