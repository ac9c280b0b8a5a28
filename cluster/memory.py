"""How much memory this machine has, or may use of it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

# Where the kernel says how much a container may use: version 2 of control groups, and version 1.
_LIMITS: Final = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def memory_bytes() -> int:
    """Return the machine's memory, or less where a control group limits it."""
    found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in _LIMITS:
        with contextlib.suppress(OSError, ValueError):  # there is none, or it says "max"
            found = min(found, int(limit.read_text(encoding="ascii")))
    return found
