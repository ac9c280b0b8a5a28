"""Which edge the viewers of a video connect to, when they connect to edges directly.

A consistent hash with bounded loads (Mirrokni, Thorup, Zadimoghaddam 2016): each video has an order of all edges of its
own (rendezvous hashing, Thaler and Ravishankar 1998), and its viewers go to the first one in it that has room. So a
video's viewers share few edges, an edge that comes or goes moves the viewers of few videos, and none has much more than
its share. Every edge that knows the same loads names the same one.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

BOUND: Final = 1.25  # times its share of all viewers is the most that an edge is given
FREE_VIEWERS: Final = 100  # below that an edge is given more, whatever its share: few viewers are not worth spreading


@dataclass(frozen=True, slots=True)
class EdgeLoad:
    """An edge: its public address, its viewers, and how many it can take (0: no limit)."""

    url: str
    viewers: int
    capacity: int


def owner(video: str, edges: Iterable[EdgeLoad]) -> str | None:
    """Return the address of the edge that the next viewer of a video goes to; None where none has room."""
    known = list(edges)
    if not known:
        return None
    share = (sum(edge.viewers for edge in known) + 1) / len(known)
    bound = max(FREE_VIEWERS, math.ceil(BOUND * share))
    roomy = [edge for edge in known if edge.viewers < bound and not 0 < edge.capacity <= edge.viewers]
    return max(roomy, key=lambda edge: _rank(video, edge.url)).url if roomy else None


def _rank(video: str, url: str) -> bytes:
    return hashlib.blake2b(f"{video} {url}".encode(), digest_size=8).digest()
