"""The plain service as a process, beside the system and on its NATS and its Postgres."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bench.fanout.child import free_port
from bench.write.system import System

START_TIMEOUT_S: Final = 30
STOP_TIMEOUT_S: Final = 10


@dataclass(frozen=True, slots=True)
class PlainPeer:
    """Where it is."""

    url: str
    pid: int


@contextlib.contextmanager
def running_plain(system: System) -> Iterator[PlainPeer]:
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
    with tempfile.TemporaryFile() as log, subprocess.Popen(command, env=environment, stdout=log, stderr=log) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            give_up = time.monotonic() + START_TIMEOUT_S
            while not _answers(url):
                if process.poll() is not None or time.monotonic() > give_up:
                    log.seek(0)
                    raise RuntimeError(f"the plain service does not start:\n{log.read().decode('utf-8', 'replace')}")
                time.sleep(0.05)
            yield PlainPeer(url, process.pid)
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_TIMEOUT_S)
            process.kill()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
