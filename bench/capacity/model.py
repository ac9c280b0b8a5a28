"""What a load takes, part by part: measured costs times how often each is paid.

Pure. A viewer is written to at most `MOST_WRITES_PER_S` times a second, and more comments than that share a write: the
price of a comment that shares is what is left of a busy room's price when its writes are taken off.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from bench.capacity.costs import Costs
from bench.capacity.demand import Demand
from bench.capacity.policy import MOST_WRITES_PER_S, Policy
from wire.sample import HOT

US: Final = 1_000_000
BUSY_PER_S: Final = 500  # comments a second in the room that `edge_us_per_busy_delivery` was measured in
MONTH_S: Final = 30 * 86_400
SNAPSHOT_COMMENTS: Final = 100


@dataclass(frozen=True, slots=True)
class Need:
    """What one part needs. `why` says which of its limits asks for so many processes."""

    part: str
    cores: float  # busy ones, at the peak
    processes: int
    why: str
    machines: float


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the whole load takes."""

    demand: Demand
    policy: Policy
    needs: tuple[Need, ...]
    shown_per_s: float  # to a viewer of an ordinary video
    hot_shown_per_s: float
    hot_slices: int  # edges that the hottest video is spread over
    polling: int  # viewers who poll, the rest of the hottest video's
    deliveries_per_s: float
    writes_per_s: float
    egress_gbps: float
    month_tb: float
    shards: int
    edges_gb: float  # memory of all edges for their viewers, that of the kernel included; a process has its own on top
    stream_gb: float
    postgres_month_gb: float
    postgres_rows_per_s: float

    @property
    def bottleneck(self) -> Need:
        """Return the part that takes the most machines."""
        return max(self.needs, key=lambda need: need.machines)

    def need(self, part: str) -> Need:
        """Return what a part needs."""
        return next(need for need in self.needs if need.part == part)


def shown(rate: float, policy: Policy) -> float:
    """Return the comments a second that a viewer is shown."""
    return min(rate, policy.readable_rate) if policy.readable_rate else rate


def taken_in(rate: float, policy: Policy) -> float:
    """Return the comments a second that an edge takes in of a video: of a hot one the sample alone."""
    return shown(rate, policy) if policy.readable_rate and rate >= HOT * policy.readable_rate else rate


def viewer_us_per_s(costs: Costs, per_s: float) -> float:
    """Return the CPU of an edge for one viewer a second, who is shown so many comments."""
    writes = min(per_s, MOST_WRITES_PER_S)
    sharing_us = max(
        0.0,
        (BUSY_PER_S * costs.edge_us_per_busy_delivery - MOST_WRITES_PER_S * costs.edge_us_per_write)
        / (BUSY_PER_S - MOST_WRITES_PER_S),
    )
    return writes * costs.edge_us_per_write + (per_s - writes) * sharing_us


def viewers_per_edge(costs: Costs, policy: Policy, rate: float) -> int:
    """Return how many viewers of one video an edge process holds, which takes in `rate` and shows what is readable."""
    intake = taken_in(rate, policy) * costs.edge_us_per_comment
    left = max(0.0, US * policy.utilisation - intake)
    per_viewer = viewer_us_per_s(costs, shown(rate, policy))
    by_cpu = left / per_viewer if per_viewer else math.inf
    by_knee = costs.edge_deliveries_per_s * policy.utilisation / max(shown(rate, policy), 1e-9)
    return max(1, int(min(policy.streams_per_edge, by_cpu, by_knee)))


def compute(demand: Demand, costs: Costs, policy: Policy) -> Capacity:
    """Return what a load takes."""
    per_s, hot_per_s = shown(demand.rate, policy), shown(demand.hot_rate, policy)
    streaming_hot = min(demand.hot_viewers, policy.poll_above or demand.hot_viewers)
    polling = demand.hot_viewers - streaming_hot
    slices = math.ceil(streaming_hot / viewers_per_edge(costs, policy, demand.hot_rate)) if streaming_hot else 0
    deliveries = demand.other_viewers * per_s + streaming_hot * hot_per_s
    writes = demand.other_viewers * min(per_s, MOST_WRITES_PER_S) + streaming_hot * min(hot_per_s, MOST_WRITES_PER_S)
    watched = min(demand.videos - 1, demand.other_viewers)  # videos without a viewer reach no edge
    streams = demand.other_viewers + streaming_hot
    edge = _edges(demand, costs, policy, streaming_hot, slices, watched)
    copies = watched * taken_in(demand.rate, policy) + slices * taken_in(demand.hot_rate, policy)
    posts = demand.comments_per_s
    pages = streams * policy.pages_per_viewer_hour / 3600
    polls = polling / policy.poll_s
    egress_bytes = deliveries * costs.event_bytes + writes * policy.packet_bytes
    egress_bytes += polls * SNAPSHOT_COMMENTS * costs.event_bytes + pages * 50 * costs.event_bytes
    egress_gbps = egress_bytes * 8 / 1e9
    nats_us = posts * costs.nats_us_per_comment * policy.replicas + copies * costs.nats_us_per_copy
    gateway_us = writes * costs.gateway_us_per_frame + posts * costs.gateway_us_per_post
    needs = (
        edge,
        _by_cpu("gateway", gateway_us, policy, streams / policy.gateway_connections, "connections"),
        _by_cpu("writer", posts * costs.writer_us_per_comment, policy),
        _by_cpu("nats", nats_us, policy, policy.replicas, "copies"),
        _by_cpu("archiver", posts * costs.archiver_us_per_comment, policy),
        _primary(posts * costs.postgres_us_per_comment, policy),
        _replicas(pages * costs.postgres_us_per_page, policy),
        _by_cpu("history", pages * costs.history_us_per_page, policy),
    )
    month = MONTH_S * policy.mean_to_peak
    return Capacity(
        demand=demand,
        policy=policy,
        needs=needs,
        shown_per_s=per_s,
        hot_shown_per_s=hot_per_s,
        hot_slices=slices,
        polling=polling,
        deliveries_per_s=deliveries,
        writes_per_s=writes,
        egress_gbps=egress_gbps,
        month_tb=egress_bytes * month / 1e12,
        shards=max(1, math.ceil(posts / (costs.stream_comments_per_s * policy.utilisation))),
        edges_gb=streams * (costs.edge_kb_per_viewer + costs.kernel_kb_per_socket) / 1e6,
        stream_gb=posts * policy.keep_s * costs.stream_bytes_per_comment * policy.replicas / 1e9,
        postgres_month_gb=posts * month * costs.postgres_bytes_per_comment / 1e9,
        postgres_rows_per_s=posts,
    )


def _edges(demand: Demand, costs: Costs, policy: Policy, streaming_hot: int, slices: int, watched: int) -> Need:
    ordinary_us = demand.other_viewers * viewer_us_per_s(costs, shown(demand.rate, policy))
    intake_us = watched * taken_in(demand.rate, policy) * costs.edge_us_per_comment
    hot_us = streaming_hot * viewer_us_per_s(costs, shown(demand.hot_rate, policy))
    hot_us += slices * taken_in(demand.hot_rate, policy) * costs.edge_us_per_comment
    core_us = US * policy.utilisation
    others = {
        "CPU": (ordinary_us + intake_us) / core_us,
        "streams": demand.other_viewers / policy.streams_per_edge,
        "videos": watched / policy.videos_per_edge,
        "deliveries": demand.other_viewers
        * shown(demand.rate, policy)
        / (costs.edge_deliveries_per_s * policy.utilisation),
    }
    why = max(others, key=lambda name: others[name])
    processes = max(1, math.ceil(others[why]) + slices)
    if slices > others[why]:
        why = "the hottest video"
    cores = (ordinary_us + intake_us + hot_us) / US
    return Need("edge", cores, processes, why, processes / policy.machine_cores)


def _by_cpu(part: str, us: float, policy: Policy, at_least: float = 1, reason: str = "") -> Need:
    by_cpu = us / (US * policy.utilisation)
    processes = max(1, math.ceil(max(by_cpu, at_least)))
    return Need(
        part, us / US, processes, reason if at_least > by_cpu and reason else "CPU", processes / policy.machine_cores
    )


def _primary(us: float, policy: Policy) -> Need:
    """Return what inserts need: one server takes all of them, on as many cores as its machine has (`limits.py`)."""
    return Need("postgres", us / US, 1, "one primary", _machines(us, policy))


def _replicas(us: float, policy: Policy) -> Need:
    """Return what pages need: servers with a machine each, as many as are wanted, each for some of the histories."""
    machines = _machines(us, policy)
    return Need("replica", us / US, max(1, math.ceil(machines)), "CPU", machines)


def _machines(us: float, policy: Policy) -> float:
    """Return how many machines a server that uses all of their cores takes; at least one core of one."""
    return max(us / (US * policy.utilisation), 1.0) / policy.machine_cores
