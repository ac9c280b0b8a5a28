"""A server that is measured beside others, as a process: started, waited for, and ended with the block."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

START_TIMEOUT_S: Final = 30
STOP_TIMEOUT_S: Final = 10


@dataclass(frozen=True, slots=True)
class Peer:
    """Where it is."""

    url: str
    pid: int


@contextlib.contextmanager
def running(what: str, command: Sequence[str], environment: Mapping[str, str], url: str, path: str) -> Iterator[Peer]:
    """Run it for as long as the block lasts, from when `path` is answered. Raises `RuntimeError` when it never is."""
    with tempfile.TemporaryFile() as log, subprocess.Popen(command, env=environment, stdout=log, stderr=log) as process:
        try:
            give_up = time.monotonic() + START_TIMEOUT_S
            while not _answers(url + path):
                if process.poll() is not None or time.monotonic() > give_up:
                    log.seek(0)
                    raise RuntimeError(f"{what} does not start:\n{log.read().decode('utf-8', 'replace')}")
                time.sleep(0.05)
            yield Peer(url, process.pid)
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_TIMEOUT_S)
            process.kill()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1):
            return True
    except urllib.error.HTTPError as error:
        return error.code != 503  # a part that is not ready yet
    except OSError:
        return False
