"""A capacity, drawn: how the machines grow with the viewers, and what each part takes."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from typing import Final

from matplotlib.axes import Axes

from bench.capacity.costs import Costs
from bench.capacity.demand import Demand
from bench.capacity.limits import limits
from bench.capacity.model import Capacity, compute
from bench.capacity.policy import Policy
from bench.suite.plots import svg

STEPS: Final = tuple(10 ** (power / 4) for power in range(-12, 9))  # times this demand
LEAST_VIEWERS: Final = 100


def cores_svg(demand: Demand, costs: Costs, policy: Policy) -> str:
    """Draw the busy cores of each part against the viewers, and this demand among them."""
    demands = [grown for step in STEPS if (grown := _grown(demand, step)).viewers >= LEAST_VIEWERS]
    capacities = [compute(grown, costs, policy) for grown in demands]

    def draw(axes: Axes) -> None:
        for need in capacities[0].needs:
            axes.plot(
                [one.viewers for one in demands],
                [max(one.need(need.part).cores, 1e-3) for one in capacities],
                label=need.part,
            )
        axes.axvline(demand.viewers, color="#94a3b8", linestyle=":")
        axes.set(xscale="log", yscale="log", xlabel="viewers, the mix staying as it is", ylabel="busy cores")
        axes.legend(fontsize=8, ncols=2)

    return svg(draw, height=4)


def limits_svg(capacity: Capacity, costs: Costs) -> str:
    """Draw how near each hard limit is."""
    found = limits(capacity, costs)

    def draw(axes: Axes) -> None:
        colours = ["#b91c1c" if limit.share > 1 else "#94a3b8" for limit in found]
        axes.barh([limit.what for limit in found], [max(limit.share, 1e-6) for limit in found], color=colours)
        axes.axvline(1, color="#b91c1c", linestyle=":")
        axes.set(xscale="log", xlabel="share of the limit that is used; beyond 1 it breaks")
        axes.invert_yaxis()
        axes.tick_params(axis="y", labelsize=7)

    return svg(draw, width=10, height=3.2)


def page(capacity: Capacity, costs: Costs, pictures: list[str]) -> str:
    """Return a page with the pictures, that needs nothing beside it."""
    demand = capacity.demand
    return (
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>livecomments capacity</title>"
        "<body style='font:15px system-ui;max-width:62rem;margin:2rem auto'><h1>What it takes</h1>"
        f"<p>{demand.viewers:,} viewers of {demand.videos:,} videos; {demand.hot_viewers:,} on the hottest."
        f" Costs measured {escape(costs.measured)}.</p>{''.join(pictures)}</body></html>"
    )


def _grown(demand: Demand, times: float) -> Demand:
    return replace(
        demand,
        viewers=round(demand.viewers * times),
        videos=max(1, round(demand.videos * times)),
        hot_viewers=round(demand.hot_viewers * times),
    )
