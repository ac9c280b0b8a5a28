"""How long each fault, and each restart, kept a shard from taking comments. Pure."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from faults.ledger import Fate, Ledger
from wire.video import shard_of

S_TO_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Pause:
    """What was done, how long it lasted, and the longest that a shard went without an acknowledgement, in seconds."""

    kind: str
    target: str
    lasted_s: float
    without_s: float


def pauses(ledger: Ledger) -> Iterator[Pause]:
    """Yield a pause for each thing that was done. Faults that follow close upon each other share the longer one."""
    acknowledged: dict[int, list[int]] = defaultdict(list)
    for attempt in ledger.attempts:
        if attempt.fate is Fate.ACKNOWLEDGED and attempt.ended_ns is not None:
            acknowledged[shard_of(attempt.video, ledger.shards)].append(attempt.ended_ns)
    for fault in ledger.faults:
        longest_ns = 0
        for times in acknowledged.values():
            times.sort()
            for before, after in itertools.pairwise(times):
                if after > fault.began_ns and before < fault.ended_ns:
                    longest_ns = max(longest_ns, after - before)
        yield Pause(fault.kind, fault.target, (fault.ended_ns - fault.began_ns) / S_TO_NS, longest_ns / S_TO_NS)
