"""Edges that fail, and their viewers who come back: by the real rule, to edges that serve so many a second.

An event is the failure of an edge, or a crowd that comes back to one. Each viewer waits for its own `retry:` (drawn as
`edge/coming_back.py` says) and the client's jitter; those whom no edge has room for come again, each time after twice
as long. An edge serves one return after the other, each at the measured price.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from bench.simulation.crowd import viewers_of_videos
from bench.simulation.placement import Ring
from edge.coming_back import FULL_RETRY_MS, RETRY_MS
from livecomments.backoff import JITTER, MAX_WAIT_S

MAX_TRIES: Final = 30
LARGE: Final = 100  # viewers of a video, from which on they are placed in waves, between those of others
WAVES: Final = 10


@dataclass(frozen=True, slots=True)
class World:
    """What is simulated."""

    viewers: int
    videos: int
    edges: int
    failing: int  # edges that fail at the same moment
    returns_per_s: float  # of one edge
    streams_per_edge: int = 18_000
    poll_above: int = 1_000_000  # viewers of one video: further ones poll, and are on no edge
    seed: int = 1


@dataclass(slots=True)
class Storm:
    """What became of the viewers who lost their edge. Times are seconds after the failure."""

    lost: int = 0
    served_s: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    polling: int = 0
    refused: int = 0  # times that somebody was told to come again
    highest_load_before: int = 0  # viewers of the fullest edge
    highest_load: int = 0  # … before and after
    mean_load: float = 0.0
    deepest_queue: int = 0  # returns that waited at one edge

    def share_s(self, percent: float) -> float:
        """Return the time after which that share of them was served."""
        return float(np.percentile(self.served_s, percent)) if len(self.served_s) else 0.0


def simulate(world: World) -> Storm:
    """Place everybody, let edges fail, and see everybody served again."""
    chance = np.random.default_rng(world.seed)
    ring, storm = Ring(world.edges, world.streams_per_edge), Storm()
    of_edge: dict[int, list[tuple[int, int]]] = {edge: [] for edge in range(world.edges)}
    streaming = np.minimum(viewers_of_videos(world.viewers, world.videos), world.poll_above)
    storm.polling = world.viewers - int(streaming.sum())
    for video, some in _coming(streaming):
        for edge, placed_here in ring.place(video, some):
            of_edge[edge].append((video, placed_here))
    storm.highest_load_before = storm.highest_load = max(ring.load)
    storm.mean_load = sum(ring.load) / world.edges
    events: list[tuple[float, int, int, int, int]] = []  # when, order, video, viewers, tries so far
    order = itertools.count()
    # The fullest ones: what fails is seldom the emptiest, and this is the worst that can be.
    for edge in sorted(range(world.edges), key=lambda edge: -ring.load[edge])[: world.failing]:
        storm.lost += ring.fail(edge)
        for video, some in of_edge[edge]:
            heapq.heappush(events, (0.0, next(order), video, some, 0))
    coming: dict[int, list[npt.NDArray[np.float64]]] = {}
    while events:
        at, _, video, viewers, tries = heapq.heappop(events)
        placed = ring.place(video, viewers)
        for edge, some in placed:
            coming.setdefault(edge, []).append(
                at + _waits_s(chance, some, RETRY_MS if not tries else FULL_RETRY_MS, tries)
            )
        left = viewers - sum(some for _, some in placed)
        if left and tries < MAX_TRIES:
            storm.refused += left
            heapq.heappush(events, (at + FULL_RETRY_MS[0] / 1000, next(order), video, left, tries + 1))
    served = [_served(np.sort(np.concatenate(arrivals)), world.returns_per_s, storm) for arrivals in coming.values()]
    storm.served_s = np.concatenate(served) if served else np.empty(0)
    storm.highest_load = max(storm.highest_load, *ring.load)
    return storm


def _coming(streaming: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield videos and how many come to them, to large ones in waves: how full an edge may be depends on who is there.

    Placed whole and first, the largest video would be spread over nearly all edges, because nobody else is there yet.
    """
    large = [(video, int(viewers)) for video, viewers in enumerate(streaming) if viewers >= LARGE]
    small = [(video, int(viewers)) for video, viewers in enumerate(streaming[len(large) :], len(large))]
    for wave in range(WAVES):
        yield from ((video, viewers // WAVES + (wave < viewers % WAVES)) for video, viewers in large)
        yield from small[wave::WAVES]


def at_once(viewers: int, returns_per_s: float) -> float:
    """Return after how many seconds the last of so many is served who all come to one edge at the same moment."""
    return float(_served(np.zeros(viewers), returns_per_s, Storm())[-1])


def _waits_s(
    chance: np.random.Generator, viewers: int, retry_ms: tuple[int, int], tries: int
) -> npt.NDArray[np.float64]:
    """Return how long each waits: its own `retry:`, doubled with each failure, and up to `JITTER` more."""
    first_s = chance.uniform(retry_ms[0], retry_ms[1], viewers) / 1000
    waits: npt.NDArray[np.float64] = np.minimum(first_s * 2**tries, np.maximum(MAX_WAIT_S, first_s)) * (
        1 + chance.uniform(0, JITTER, viewers)
    )
    return waits


def _served(arrivals: npt.NDArray[np.float64], per_s: float, storm: Storm) -> npt.NDArray[np.float64]:
    """Return when each is served by one edge, in the order in which they come (Lindley's recursion, all at once)."""
    turns = np.arange(len(arrivals))
    done: npt.NDArray[np.float64] = np.maximum.accumulate(arrivals - turns / per_s) + (turns + 1) / per_s
    waiting = turns + 1 - np.searchsorted(done, arrivals)
    storm.deepest_queue = max(storm.deepest_queue, int(waiting.max()))
    return done
