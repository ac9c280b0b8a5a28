"""A capacity, for a person to read."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from bench.capacity.costs import Costs
from bench.capacity.limits import Limit
from bench.capacity.model import Capacity
from bench.capacity.thresholds import Threshold


def print_all(
    console: Console, capacity: Capacity, costs: Costs, limits: list[Limit], thresholds: list[Threshold]
) -> None:
    """Print what a load takes, what breaks first, and from where on what is necessary."""
    demand, policy = capacity.demand, capacity.policy
    console.print(
        f"{demand.viewers:,} viewers of {demand.videos:,} videos, {demand.rate:g} comments/s on each;"
        f" {demand.hot_viewers:,} on the hottest, {demand.hot_rate:g}/s there: {demand.comments_per_s:,.0f} comments/s",
        markup=False,
    )
    console.print(f"measured {costs.measured}", style="dim", markup=False)
    console.print(_needs(capacity))
    console.print(_amounts(capacity))
    console.print(_thresholds(thresholds))
    console.print(_limits(limits))
    most = capacity.bottleneck
    first = limits[0]
    each = f"{most.machines:,.1f} of {policy.machine_cores} cores each"
    console.print(f"most machines: {most.part}, {each}, by {most.why}")
    breaks = (
        "breaks"
        if first.share > 1
        else f"would break first, at {1 / first.share:,.1f} times this"
        if first.share
        else ""
    )
    console.print(f"{first.what}: {breaks}", markup=False)


def _needs(capacity: Capacity) -> Table:
    table = Table(title="What it takes, at the peak", title_justify="left")
    for heading in ("part", "cores busy", "processes", "by", "machines"):
        table.add_column(heading, justify="left" if heading in ("part", "by") else "right")
    for need in capacity.needs:
        table.add_row(need.part, f"{need.cores:,.1f}", f"{need.processes:,}", need.why, f"{need.machines:,.1f}")
    return table


def _amounts(capacity: Capacity) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    for what, amount in (
        ("comments delivered a second", f"{capacity.deliveries_per_s:,.0f} in {capacity.writes_per_s:,.0f} writes"),
        ("to the viewers", f"{capacity.egress_gbps:,.1f} Gbit/s; a month {capacity.month_tb:,.0f} TB"),
        ("the hottest video", f"{capacity.hot_slices:,} edges; {capacity.polling:,} of its viewers poll"),
        ("edges' memory", f"{capacity.edges_gb:,.1f} GB for their viewers, the kernel's included"),
        ("shards", f"{capacity.shards:,}"),
        ("JetStream holds", f"{capacity.stream_gb:,.1f} GB, {capacity.policy.replicas} copies together"),
        (
            "Postgres takes",
            f"{capacity.postgres_rows_per_s:,.0f} rows/s; grows by {capacity.postgres_month_gb:,.0f} GB a month",
        ),
    ):
        table.add_row(what, amount)
    return table


def _thresholds(thresholds: list[Threshold]) -> Table:
    table = Table(title="From where on", title_justify="left")
    for heading in ("what", "from", "here", ""):
        table.add_column(heading)
    for point in thresholds:
        needed = "needed" if point.needed else ""
        table.add_row(point.what, f"{point.at:,.0f} {point.unit}", f"{point.here:,.0f}", needed)
    return table


def _limits(limits: list[Limit]) -> Table:
    table = Table(title="What more machines do not help", title_justify="left")
    for heading in ("what", "used", "what would help"):
        table.add_column(heading)
    for limit in limits:
        style = "red" if limit.share > 1 else ""
        table.add_row(
            limit.what,
            f"{limit.share:,.1%}" if limit.share < 10 else f"{limit.share:,.0f} ×",
            limit.remedy,
            style=style,
        )
    return table
