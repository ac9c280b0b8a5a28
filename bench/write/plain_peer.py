"""The plain service as a process, beside the system and on its NATS and its Postgres."""

from __future__ import annotations

import contextlib
import os
import sys

from bench.fanout.child import free_port
from bench.write.peer import Peer, running
from bench.write.system import System


def running_plain(system: System) -> contextlib.AbstractContextManager[Peer]:
    """Run it for as long as the block lasts, on the same server, event loop and parser as the writer."""
    port = free_port()
    environment = {
        **os.environ,
        "PLAIN_NATS": system.nats_url,
        "PLAIN_POSTGRES": system.postgres_dsn,
        "PLAIN_SECRET_FILE": str(system.cluster.data_dir / "secrets" / "token"),
    }
    options = ("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--no-server-header", "--no-date-header")
    command = [sys.executable, "-m", "uvicorn", "bench.write.plain:app", "--port", str(port), *options]
    return running("the plain service", command, environment, f"http://127.0.0.1:{port}", "/")
