"""Writer, archiver, history and edges on this machine: their environment, and whether they can do their work."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import aiohttp

from cluster import probe
from cluster.child import Program
from cluster.ports import LOOPBACK

START_LIMIT_S: Final = 60.0
STOP_WAIT_S: Final = 30.0  # a full edge sends its viewers away over 20 s, and requests under way have five


@dataclass(frozen=True, slots=True)
class Part:
    """A part: its command, its name among its kind, its port, and the settings that are its own."""

    kind: str
    number: int
    port: int
    settings: Mapping[str, str]
    direct_port: int | None = None  # of an edge, for viewers who connect to it directly
    direct_scheme: str = "http"

    @property
    def address(self) -> str:
        """Return host and port."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def url(self) -> str:
        """Return its address."""
        return f"http://{self.address}"

    def program(self) -> Program:
        """Return how to run it. Every LIVECOMMENTS_* setting that `up` was given reaches it."""
        return Program(
            name=f"{self.kind}-{self.number}",
            # -P: a file `nats.py` or `wire.py` in the directory that `up` was called from is not ours to import.
            command=(sys.executable, "-P", "-m", "livecomments", self.kind),
            environment={**os.environ, **self.settings, **self._direct, "LIVECOMMENTS_LISTEN": self.address},
            stop_wait_s=STOP_WAIT_S,
        )

    @property
    def _direct(self) -> dict[str, str]:
        if self.direct_port is None:
            return {}
        address = f"{LOOPBACK}:{self.direct_port}"
        return {"LIVECOMMENTS_DIRECT_LISTEN": address, "LIVECOMMENTS_DIRECT_URL": f"{self.direct_scheme}://{address}"}

    async def is_ready(self, session: aiohttp.ClientSession) -> bool:
        """Return whether it can do its work."""
        return await probe.status(session, "GET", f"{self.url}/readyz") == 200
