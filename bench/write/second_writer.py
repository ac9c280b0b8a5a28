"""A further writer of the cluster that is measured, as a process of its own, with settings of its own."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from bench.fanout.child import free_port
from bench.write.plain_peer import PlainPeer
from bench.write.system import System

START_TIMEOUT_S: Final = 30
STOP_TIMEOUT_S: Final = 10


@contextlib.contextmanager
def running_writer(system: System, module: tuple[str, ...], settings: Mapping[str, str]) -> Iterator[PlainPeer]:
    """Run `python -m MODULE` for as long as the block lasts, where the cluster's own writer runs."""
    [own] = system.cluster.describe()["writers"]
    said = Path(f"/proc/{own['pid']}/environ").read_bytes().decode().split("\0")
    environment = dict(line.split("=", 1) for line in said if "=" in line)
    port = free_port()
    environment |= {**settings, "LIVECOMMENTS_LISTEN": f"127.0.0.1:{port}"}
    command = [sys.executable, "-m", *module]
    with tempfile.TemporaryFile() as log, subprocess.Popen(command, env=environment, stdout=log, stderr=log) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            give_up = time.monotonic() + START_TIMEOUT_S
            while not _is_ready(url):
                if process.poll() is not None or time.monotonic() > give_up:
                    log.seek(0)
                    raise RuntimeError(f"a writer does not start:\n{log.read().decode('utf-8', 'replace')}")
                time.sleep(0.05)
            yield PlainPeer(url, process.pid)
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_TIMEOUT_S)
            process.kill()


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=1):
            return True
    except OSError:
        return False
