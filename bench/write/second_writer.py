"""A further writer of the cluster that is measured, as a process of its own, with settings of its own."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.fanout.child import free_port
from bench.write.peer import Peer, running
from bench.write.system import System


def running_writer(
    system: System, module: Sequence[str], settings: Mapping[str, str]
) -> contextlib.AbstractContextManager[Peer]:
    """Run `python -m MODULE` for as long as the block lasts, where the cluster's own writer runs."""
    [own] = system.cluster.describe()["writers"]
    said = Path(f"/proc/{own['pid']}/environ").read_bytes().decode().split("\0")
    environment = dict(line.split("=", 1) for line in said if "=" in line)
    port = free_port()
    environment |= {**settings, "LIVECOMMENTS_LISTEN": f"127.0.0.1:{port}"}
    return running("a writer", [sys.executable, "-m", *module], environment, f"http://127.0.0.1:{port}", "/readyz")
