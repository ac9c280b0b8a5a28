"""The usual Quart edge, on uvicorn and on Hypercorn, both with uvloop."""

from __future__ import annotations

import importlib.util
import sys
from typing import Final

from bench.fanout.peers.peer import Peer

APP: Final = "bench.fanout.peers.usual_app:app"
BACKLOG: Final = "4096"


class UsualUvicorn(Peer):
    """The usual Quart edge on uvicorn."""

    name = "usual Quart edge, uvicorn"

    async def start(self) -> None:
        """Start it."""
        await self.run(
            *(sys.executable, "-m", "uvicorn", APP, "--host", "127.0.0.1", "--port", str(self.port)),
            *("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--backlog", BACKLOG),
            *("--timeout-graceful-shutdown", "1"),
            env={"NATS_URL": self.lab.store.url},
        )


class UsualHypercorn(Peer):
    """The usual Quart edge on Hypercorn."""

    name = "usual Quart edge, Hypercorn"

    @classmethod
    def missing(cls) -> str | None:
        """It is no dependency of this project but for its tests."""
        return None if importlib.util.find_spec("hypercorn") else "pip install hypercorn"

    async def start(self) -> None:
        """Start it."""
        await self.run(
            *(sys.executable, "-m", "hypercorn", APP, "--bind", f"127.0.0.1:{self.port}"),
            *("--worker-class", "uvloop", "--workers", "0", "--backlog", BACKLOG, "--graceful-timeout", "1"),
            env={"NATS_URL": self.lab.store.url},
        )
