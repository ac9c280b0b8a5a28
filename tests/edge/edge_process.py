"""An edge as a process, on one of the servers that it runs on."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import urllib.request
from pathlib import Path
from typing import Any

from tests.servers import Part

# `handover`: as in production. `streamed`: the same server without the extension. `hypercorn`: another server.
# Beside them, for one test: `defective` and `defective streamed`, which cannot take everybody in (`defective.py`).
SERVERS = ("handover", "streamed", "hypercorn")

_RUN = {
    "streamed": "from runtime.service import run; from edge.app import make_service; "
    "run(make_service, read_settings())",
    "hypercorn": "from tests.edge.on_hypercorn import run; run(read_settings())",
    "defective": "from tests.edge.defective import run; run(read_settings(), hands_over=True)",
    "defective streamed": "from tests.edge.defective import run; run(read_settings(), hands_over=False)",
}


class EdgeProcess(Part):
    """An edge; `server` is one of `SERVERS`, or a defective one."""

    def __init__(self, folder: Path, server: str, settings: dict[str, Any], until_it_answers: bool = True) -> None:
        super().__init__(folder, "edge.app", settings)
        self.server = server
        self._until_it_answers = until_it_answers

    @property
    def log(self) -> str:
        """What it has said so far."""
        return (self.folder / "log").read_text(errors="replace")

    def metric(self, name: str, **labels: str) -> float:
        """Return a metric's value now; 0 where it is not there (yet)."""
        wanted = name + ("{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}" if labels else "")
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=10) as answer:
            for line in answer.read().decode().splitlines():
                sample, _, value = line.rpartition(" ")
                if sample == wanted:
                    return float(value)
        return 0.0

    def resident_bytes(self) -> int:
        """Return how much memory it has resident."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * 4096

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def listens(self) -> bool:
        """Whether its port is open: it may not have started yet."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def wait(self, within_s: float) -> int:
        """Return its exit code once it has ended."""
        assert self._process is not None
        return self._process.wait(within_s)

    def _answers(self) -> bool:
        return super()._answers() if self._until_it_answers else True

    def _command(self) -> list[str]:
        command = super()._command()
        if self.server == "handover":
            return [*command[:-2], "-m", "livecomments", "edge"]
        return [*command[:-1], f"from runtime.settings import read_settings; {_RUN[self.server]}"]


assert sys.platform == "linux", "these tests look into /proc"
