"""What cannot be had by adding machines, and how near a load comes to it. What is above 1 breaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bench.capacity.costs import Costs
from bench.capacity.model import US, Capacity, taken_in, viewers_per_edge
from bench.capacity.policy import MOST_WRITES_PER_S

MAX_SHARDS: Final = 1_024  # of the setting
NATS_CONNECTIONS: Final = 65_536  # of one nats-server, by default


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit. `load` of `most`; `remedy` is what would have to change."""

    what: str
    load: float
    most: float
    remedy: str

    @property
    def share(self) -> float:
        """Return how much of it is used."""
        return self.load / self.most if self.most else 0.0


def limits(capacity: Capacity, costs: Costs) -> list[Limit]:
    """Return the limits, the nearest first: what stands first breaks first."""
    demand, policy = capacity.demand, capacity.policy
    edge_bytes = viewers_per_edge(costs, policy, demand.hot_rate) * (
        capacity.hot_shown_per_s * costs.event_bytes
        + min(capacity.hot_shown_per_s, MOST_WRITES_PER_S) * policy.packet_bytes
    )
    found = [
        Limit(
            "comments a second on the hottest video: it is one stream",
            demand.hot_rate,
            costs.stream_comments_per_s,
            "several streams for one video, and an order between them",
        ),
        Limit(
            "comments a second that one edge takes in of the hottest video",
            taken_in(demand.hot_rate, policy),
            US / costs.edge_us_per_comment,
            "a lower readable rate: from ten times that rate on, an edge takes in the sample alone",
        ),
        Limit(
            "live copies a second that the leader of the hottest video's stream sends to edges, on one core",
            taken_in(demand.hot_rate, policy) * capacity.hot_slices,
            US / costs.nats_us_per_copy,
            "a tree of leaf nodes between the leader and the edges, or polling from fewer viewers on",
        ),
        Limit(
            "shards: streams of all videos",
            capacity.shards,
            MAX_SHARDS,
            "several clusters, each for a part of the videos",
        ),
        Limit(
            "comments a second into the one Postgres primary, with all cores of one machine",
            demand.comments_per_s,
            policy.machine_cores * US / costs.postgres_us_per_comment,
            "a larger machine, or several clusters, each for a part of the videos: all shards are in one database",
        ),
        Limit(
            "connections of edges and writers to one group of NATS servers",
            2 * capacity.need("edge").processes + 2 * capacity.need("writer").processes,
            NATS_CONNECTIONS * policy.replicas,
            "leaf nodes, or several clusters",
        ),
        Limit(
            "bits a second of one machine full of the hottest video's edges",
            edge_bytes * 8 * policy.machine_cores,
            policy.machine_gbps * 1e9,
            "fewer edges on a machine, or compressed streams",
        ),
    ]
    return sorted(found, key=lambda limit: -limit.share)
