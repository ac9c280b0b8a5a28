"""Breaks things, and puts them right again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Final

from faults.clock import Clock
from faults.disk import Disk
from faults.ledger import Fired
from faults.schedule import NOTICED_AFTER_S, Fault, Kind
from faults.under_test import UnderTest
from faults.worker import Worker

PROCESS_WAIT_S: Final = 15.0  # for a part that is just being started again
LOOK_INTERVAL_S: Final = 0.05
# Who dials here uses the connections all the time, or asks whether they are alive, so a silence must show. Requests of
# the gateway to writers and histories have time limits of their own; what a pool holds is not used all the time.
_ALWAYS_BUSY: Final = (
    "writer-1-nats",
    "edge-1-nats",
    "edge-2-nats",
    "archiver-1-nats",
    "history-1-nats",
    "archiver-1-postgres",
    "gateway-edge-1",
    "gateway-edge-2",
)


class Saboteur:
    """Does one fault after the other to each target; several targets may suffer at once."""

    def __init__(
        self,
        cluster: UnderTest,
        links: Worker,
        clocks: dict[str, Clock],
        disks: dict[str, Disk],
        tell: Callable[[Fired], None],
    ) -> None:
        self._cluster = cluster
        self._links = links
        self._clocks = clocks
        self._disks = disks
        self._tell = tell
        self._turns: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.under_way: dict[str, Fault] = {}

    async def do(self, fault: Fault) -> None:
        """Do a fault, for as long as it lasts, and tell of it."""
        async with self._turns[fault.target]:
            self.under_way[fault.target] = fault
            try:
                self._tell(await self._do(fault))
            finally:
                del self.under_way[fault.target]

    async def _do(self, fault: Fault) -> Fired:
        match fault.kind:
            case Kind.KILL | Kind.STOP:
                return await self._signal(fault)
            case Kind.CUT | Kind.REFUSE | Kind.SILENCE:
                return await self._break_link(fault)
            case Kind.CLOCK:
                began_ns = time.monotonic_ns()
                with self._clocks[fault.target].moved(int(fault.way)):
                    await asyncio.sleep(fault.seconds)
                return _fired(fault, began_ns, f"by {int(fault.way):+d} s")
            case Kind.DISK:
                began_ns = time.monotonic_ns()
                await self._disks[fault.target].be_full(fault.seconds)
                return _fired(fault, began_ns)

    async def _signal(self, fault: Fault) -> Fired:
        pid = await self._running(fault.target)
        began_ns = time.monotonic_ns()
        if pid is None:
            return _fired(fault, began_ns, "it did not run", fired=False)
        processes = [pid, *descendants(pid)]
        if fault.kind is Kind.KILL:
            _send(processes, signal.SIGKILL)
            return _fired(fault, began_ns)
        _send(processes, signal.SIGSTOP)
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            _send(processes, signal.SIGCONT)
        return _fired(fault, began_ns)

    async def _break_link(self, fault: Fault) -> Fired:
        began_ns = time.monotonic_ns()
        if fault.kind is Kind.CUT:
            there = await self._links.ask("cut", link=fault.target)
            return _fired(fault, began_ns, f"{there} connections", fired=there > 0)
        if fault.kind is Kind.REFUSE:
            there = await self._links.ask("refuse", link=fault.target)
        else:
            there = await self._links.ask("silence", link=fault.target, way=fault.way)
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            noticed_s = await self._links.ask("heal", link=fault.target)
        must_notice = (
            fault.kind is Kind.SILENCE
            and there > 0
            and fault.seconds >= NOTICED_AFTER_S
            and fault.target in _ALWAYS_BUSY
        )
        return Fired(
            fault.kind.value,
            fault.target,
            began_ns,
            time.monotonic_ns(),
            detail=f"{fault.way} {there} connections".strip(),
            must_notice=must_notice,
            noticed_s=noticed_s,
        )

    async def _running(self, part: str) -> int | None:
        """Return the process of a part; None when there is none for long."""
        give_up = time.monotonic() + PROCESS_WAIT_S
        while time.monotonic() < give_up:
            with contextlib.suppress(OSError):
                pid = self._cluster.pids()[part]
                if parent_of(pid) == os.getpid():
                    return pid
            await asyncio.sleep(LOOK_INTERVAL_S)
        return None


def parent_of(pid: int) -> int | None:
    """Return the parent of a process; None when there is no such process (any more)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return int(fields[1]) if fields[0] != "Z" else None


def descendants(pid: int) -> list[int]:
    """Return the processes that a process has started, and those that these have: Postgres is many."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            parent = parent_of(int(entry.name))
            if parent is not None:
                children[parent].append(int(entry.name))
    found: list[int] = []
    waiting = [pid]
    while waiting:
        under = children.get(waiting.pop(), [])
        found += under
        waiting += under
    return found


def _send(processes: list[int], number: signal.Signals) -> None:
    for pid in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _fired(fault: Fault, began_ns: int, detail: str = "", *, fired: bool = True) -> Fired:
    return Fired(fault.kind.value, fault.target, began_ns, time.monotonic_ns(), fired=fired, detail=detail)
