"""What a process and the kernel use: CPU time and memory."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

KB: Final = 1024
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_CPUCLOCK_SCHED: Final = 2  # of a whole process, in nanoseconds; what /proc/PID/stat gives in ticks of 10 ms


def cpu_s(pids: Iterable[int]) -> float:
    """Return the CPU seconds, user and system, that processes have used, with all their threads."""
    return sum(time.clock_gettime((~pid << 3) | _CPUCLOCK_SCHED) for pid in pids)


def cpu_of(pid: int) -> float | None:
    """Return the CPU seconds that a process has used, None for one that has ended."""
    try:
        return cpu_s([pid])
    except OSError:
        return None


def resident_kb(pids: Iterable[int]) -> float:
    """Return the resident memory of processes."""
    return sum(int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * _PAGE_BYTES / KB for pid in pids)


def kernel_kb() -> float:
    """Return what the kernel holds in objects (sockets, files, their entries) and in TCP's buffers."""
    meminfo = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text("ascii").splitlines())
    sockets = Path("/proc/net/sockstat").read_text("ascii").splitlines()
    tcp = next(line.split() for line in sockets if line.startswith("TCP:"))
    return int(meminfo["Slab"].split()[0]) + int(tcp[tcp.index("mem") + 1]) * _PAGE_BYTES / KB
