"""From where on a load needs sampling, slices, direct edges and polling: for this demand, in its own terms."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.capacity.costs import Costs
from bench.capacity.demand import Demand
from bench.capacity.model import US, shown, taken_in, viewers_per_edge
from bench.capacity.policy import MOST_WRITES_PER_S, Policy


@dataclass(frozen=True, slots=True)
class Threshold:
    """A point. `at` of `unit`; `here` is what this demand has, so that the measure is needed where it is above."""

    what: str
    at: float
    unit: str
    here: float

    @property
    def needed(self) -> bool:
        """Whether this demand is beyond it."""
        return self.here > self.at


def thresholds(demand: Demand, costs: Costs, policy: Policy) -> list[Threshold]:
    """Return the points at which something new is necessary."""
    rate, hot_rate = max(demand.rate, demand.hot_rate), demand.hot_rate or demand.rate
    frames = max(min(shown(hot_rate, policy), MOST_WRITES_PER_S), 1e-9)
    machine_us = US * policy.utilisation * policy.machine_cores
    per_edge = viewers_per_edge(costs, policy, hot_rate)
    copies = max(taken_in(hot_rate, policy), 1e-9) * costs.nats_us_per_copy
    # A machine with all its cores, and as many gateway processes as cores.
    direct = min(machine_us / (frames * costs.gateway_us_per_frame), policy.gateway_connections * policy.machine_cores)
    slices = US * policy.utilisation / copies
    return [
        Threshold("sampling", policy.readable_rate or math.inf, "comments a second on a video", rate),
        Threshold("slices: one video on several edges", per_edge, "viewers of a video", demand.hot_viewers),
        Threshold("direct edges: streams past the gateway", direct, "viewers, for one gateway machine", demand.viewers),
        Threshold(
            "polling, and a CDN before it",
            min(policy.poll_above or math.inf, slices * per_edge),
            "viewers of a video",
            demand.hot_viewers,
        ),
    ]
