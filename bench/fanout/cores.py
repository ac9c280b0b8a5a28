"""Who runs on which core: the server that is measured has one for itself, everything else shares the other."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cores:
    """Numbers of cores. `load` carries the viewers, the publisher and nats-server."""

    server: int
    load: int


def split_cores() -> Cores:
    """Choose two cores. Raises `RuntimeError` where there are not two: then no figure would mean anything."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise RuntimeError("two cores are needed: one for the server, one for the load")
    return Cores(allowed[0], allowed[1])


def busy_s(core: int) -> float:
    """Return the seconds that a core has been busy since it started, with whatever."""
    with Path("/proc/stat").open(encoding="ascii") as file:
        for line in file:
            name, *fields = line.split()
            if name == f"cpu{core}":
                user, nice, system, _idle, _iowait, irq, softirq, *_ = map(int, fields)
                return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")
    raise RuntimeError(f"/proc/stat does not know core {core}")
