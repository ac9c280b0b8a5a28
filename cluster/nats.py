"""NATS on this machine: its environment, its health, and when it must be started again."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from cluster import binaries, passwords, probe
from cluster.child import Child, Program
from cluster.passwords import SecretFiles
from cluster.ports import LOOPBACK
from runtime import assets

USER: Final = "livecomments"  # who may do everything with streams; each kind of part has a user of its own name
START_LIMIT_S: Final = 60.0  # it reads its streams first
STOP_WAIT_S: Final = 10.0

WATCH_INTERVAL_S: Final = 1.0
SICK_FOR_S: Final = 5.0  # how long /healthz may answer 503 before the server is started again
SILENT_FOR_S: Final = (
    40.0  # how long it may say nothing at all: longer than a machine that sleeps or swaps for a moment
)
SILENT_AFTER_FULL_S: Final = 10.0  # … where its disk has been full since its start, after which it may hang for good
FIRST_HEALTH_S: Final = 120.0  # … where it has not been healthy since its start: it may still be reading its streams
ROOM_BYTES: Final = 8 * 1024 * 1024  # with less than this free on the disk a new start would not help


@dataclass(frozen=True, slots=True)
class Nats:
    """A nats-server: where its data is, where it listens, its passwords, and how much its streams may reserve."""

    data: Path
    port: int
    monitor_port: int
    secrets: SecretFiles
    store_bytes: int

    @property
    def url(self) -> str:
        """Return its address, without a password."""
        return f"nats://{LOOPBACK}:{self.port}"

    @property
    def url_with_password(self) -> str:
        """Return its address, user and password included."""
        return f"nats://{USER}:{passwords.read(self.secrets.nats)}@{LOOPBACK}:{self.port}"

    @property
    def health_url(self) -> str:
        """Return the address of its health."""
        return f"http://{LOOPBACK}:{self.monitor_port}/healthz"

    def program(self) -> Program:
        """Return how to run it."""
        return Program(
            name="nats",
            command=(str(binaries.nats_server()), "-c", str(assets.folder("nats") / "server.conf")),
            environment={
                "PATH": os.environ.get("PATH", os.defpath),
                "NATS_SERVER_NAME": "nats-1",
                "NATS_LISTEN": f"{LOOPBACK}:{self.port}",
                "NATS_MONITOR": f"{LOOPBACK}:{self.monitor_port}",
                "NATS_STORE_DIR": _quoted(self.data),
                "NATS_STORE_BYTES": str(self.store_bytes),
                "NATS_PASSWORD": passwords.read(self.secrets.nats),
                "NATS_WRITER_PASSWORD": passwords.read(self.secrets.nats_writer),
                "NATS_ARCHIVER_PASSWORD": passwords.read(self.secrets.nats_archiver),
                "NATS_HISTORY_PASSWORD": passwords.read(self.secrets.nats_history),
                "NATS_EDGE_PASSWORD": passwords.read(self.secrets.nats_edge),
                "NATS_OPERATOR_PASSWORD": passwords.read(self.secrets.nats_operator),
            },
            stop_wait_s=STOP_WAIT_S,
        )

    async def is_ready(self, session: aiohttp.ClientSession) -> bool:
        """Return whether it takes clients and JetStream works."""
        return await probe.status(session, "GET", self.health_url) == 200


class Sickness:
    """Decides when a server is sick for good. Pure: it is told the time."""

    def __init__(self) -> None:
        self._started_at = 0.0
        self._was_healthy = self._was_full = False
        self._sick_since: float | None = None
        self._silent_since: float | None = None

    def seen(self, status: int | None, started_at: float, now: float, *, has_room: bool = True) -> bool:
        """Return whether the server must be started again.

        `status` is the answer of its health, None for no answer: a process that has gone is started again anyway, one
        that is silent for a moment may just be busy, and one whose disk was full may hang for good. `started_at` is
        when the process was started. Without room on its disk a new start would not help.
        """
        if started_at != self._started_at:
            self._started_at = started_at
            self._was_healthy = self._was_full = False
            self._sick_since = self._silent_since = None
        self._was_full = self._was_full or not has_room
        if status is None:
            self._silent_since = now if self._silent_since is None else self._silent_since
            return has_room and now - self._silent_since >= self._silence_limit_s()
        self._silent_since = None
        if status == 200:
            self._was_healthy, self._sick_since = True, None
        elif status == 503:
            self._sick_since = now if self._sick_since is None else self._sick_since
            return has_room and now - self._sick_since >= (SICK_FOR_S if self._was_healthy else FIRST_HEALTH_S)
        return False

    def _silence_limit_s(self) -> float:
        if not self._was_healthy:
            return FIRST_HEALTH_S
        return SILENT_AFTER_FULL_S if self._was_full else SILENT_FOR_S


async def watch(nats: Nats, child: Child, session: aiohttp.ClientSession, tell: Callable[[str], None]) -> None:
    """Start the server again when it has been sick for long enough, for ever.

    A server whose disk was full does not come back by itself once there is room again: JetStream has switched itself
    off, or the whole server hangs and answers nobody.
    """
    sickness = Sickness()
    while True:
        await asyncio.sleep(WATCH_INTERVAL_S)
        status = await probe.status(session, "GET", nats.health_url)
        is_over = sickness.seen(status, child.started_at, time.monotonic(), has_room=_has_room(nats.data))
        if is_over and child.is_running():
            tell("nats is not healthy and is ended, to be started again")
            await child.restart()


def _quoted(path: Path) -> str:
    """Return a path as NATS reads it out of a variable: as if it stood in the configuration, so blanks would end it."""
    text = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _has_room(folder: Path) -> bool:
    state = os.statvfs(folder)
    return state.f_bavail * state.f_frsize >= ROOM_BYTES
