"""What a measurement needs to know of a server."""

from __future__ import annotations

import time
from asyncio.subprocess import Process
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from bench.fanout.child import end, free_port, listening, spawn
from bench.fanout.lab import Lab
from bench.fanout.store import USER
from wire.comment import encode_payload, event_data


@dataclass(frozen=True, slots=True)
class Counted:
    """What a server counts: comments delivered, one for each viewer, and the writes to sockets that took."""

    delivered: float
    writes: float

    def __sub__(self, other: Counted) -> Counted:
        return Counted(self.delivered - other.delivered, self.writes - other.writes)

    @property
    def comments_a_write(self) -> float:
        """Return the coalescing."""
        return self.delivered / self.writes if self.delivered and self.writes else 1.0


class Peer:
    """A server on the server's core. One that is fed by the store publishes there, another in its own way."""

    name: ClassVar[str]
    path: ClassVar[str] = "/comments/room-%d/stream"  # of a room's stream; %d is its number

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.port = free_port()
        self.folder: Path = lab.folder / f"{type(self).__name__.lower()}-{self.port}"
        self.folder.mkdir()
        self._process: Process | None = None
        self._newest = 0

    @classmethod
    def missing(cls) -> str | None:
        """Return why this server cannot be measured here, None when it can."""
        return None

    async def start(self) -> None:
        """Start it, and return when it listens."""
        raise NotImplementedError

    async def stop(self) -> None:
        """End it."""
        if self._process is not None:
            await end(self._process)

    async def publish(self, video: str, text: str) -> None:
        """Publish a comment to all viewers of a video."""
        await self.lab.store.publish(video, text)

    async def counted(self) -> Counted | None:
        """Return what the server itself counts so far, None when it does not."""
        return None

    def pids(self) -> list[int]:
        """Return the processes whose time and memory count."""
        assert self._process is not None
        return [self._process.pid]

    async def run(self, *command: str, env: dict[str, str] | None = None, talks: bool = False) -> Process:
        """Start its program on the server's core, and wait until it listens."""
        log = self.folder / "log"
        self._process = await spawn(*command, core=self.lab.cores.server, log=log, env=env, talks=talks)
        await listening(self.port, self._process, log)
        return self._process

    def event(self, text: str) -> tuple[int, bytes]:
        """Return a comment's number and the data of its event, the same as this edge writes."""
        self._newest = max(self._newest + 1, time.time_ns() // 1000)
        return self._newest, event_data(self._newest, time.time_ns() // 1_000_000, encode_payload(USER, text))
