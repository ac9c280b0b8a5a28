"""One run from its start to its end: the system comes up, is used and broken, is left alone, and is read back."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any, Final, Protocol

from faults import clock
from faults.clock import Clock
from faults.disk import Disk
from faults.faults import Saboteur
from faults.journal import FAULTS, Journal, write_run
from faults.ledger import Fired, Ledger
from faults.load import Load
from faults.schedule import Fault, Targets
from faults.trial import Trial
from faults.under_test import GATEWAY, NATS, POSTGRES, Places, UnderTest

READ_WITHIN_S: Final = 900.0
SETTLED_WITHIN_S: Final = 30.0
DISK_BYTES: Final = 768 * 1024 * 1024
CLUSTER: Final = "cluster"
NOTES: Final = "up.log"


class Show(Protocol):
    """Whoever wants to see how far it is."""

    def step(self, text: str) -> None:
        """See what is being done now."""

    def fault(self, text: str) -> None:
        """See a fault begin."""

    def figures(self, figures: dict[str, Any], done: float) -> None:
        """See what was counted so far; `done` is the share of the run that is over."""


class Run:
    """A run. Its ledger, and the logs of all parts, are left in `folder`, which is a new one."""

    def __init__(self, trial: Trial, folder: Path, show: Show) -> None:
        self._trial = trial
        self._folder = folder
        self._show = show
        self._chance = Random(trial.seed)
        self._ledger = Ledger(shards=0, seed=trial.seed, needs=trial.needs)
        self._done = 0.0
        self._journal = Journal(folder / FAULTS)
        self._load = Load(folder, self._ledger, self._journal, show.fault, self._counted)

    async def go(self) -> None:
        """Do it all. Raises `WorkerError`, and what `cluster` raises where the system does not come up."""
        with self._journal:
            async with contextlib.AsyncExitStack() as stack:
                await self._go(stack)

    async def _go(self, stack: contextlib.AsyncExitStack) -> None:
        trial, show, load = self._trial, self._show, self._load
        show.step("starting the system")
        disks, clocks = self._disks(stack), self._clocks()
        cluster = UnderTest(self._folder / CLUSTER, self._places(disks, clocks))
        stack.callback(lambda: (self._folder / NOTES).write_text("\n".join(cluster.notes) + "\n", encoding="utf-8"))
        self._ledger.shards = cluster.settings.shards
        links = await load.worker(stack, "links")
        await links.ask("open", links=cluster.links)
        stack.push_async_callback(cluster.stop)
        await cluster.start()

        show.step("viewers come in, posters begin")
        await load.begin(stack, cluster.url, cluster.tokens(), trial.amount, self._chance)
        targets = Targets(
            parts=sorted(cluster.pids()), links=sorted(cluster.links), clocks=sorted(clocks), disks=sorted(disks)
        )
        saboteur = Saboteur(cluster, links, clocks, disks, self._fired)
        show.step("breaking things")
        await self._break(saboteur, trial.schedule(self._chance, targets))

        show.step("calm: everything has to come back by itself")
        before = dict(load.acknowledged)
        await asyncio.sleep(trial.calm_s)
        if load.acknowledged == before:
            load.trouble(f"nothing was acknowledged in {trial.calm_s:.0f} s after the last fault")
        await load.stop_posting()
        show.step("reading the whole history back, both ways")
        await load.read_back(read_s=READ_WITHIN_S)
        show.step("waiting for the last viewers")
        await load.settle(within_s=SETTLED_WITHIN_S)
        write_run(self._folder, self._ledger)
        show.step("ending the system")

    async def _break(self, saboteur: Saboteur, schedule: Any) -> None:
        faults: list[Fault] = list(schedule)
        last_s = max([self._trial.seconds, *(fault.at_s + fault.seconds for fault in faults)])
        began = time.monotonic()
        under_way: list[asyncio.Task[None]] = []
        for fault in faults:
            await self._until(began + fault.at_s, began, last_s)
            lasts = f" for {fault.seconds:.0f} s" if fault.seconds else ""
            self._show.fault(f"{fault.at_s:6.1f} s  {fault.kind.value} {fault.target} {fault.way}{lasts}".rstrip())
            under_way.append(asyncio.create_task(saboteur.do(fault)))
        await self._until(began + self._trial.seconds, began, last_s)
        while not all(task.done() for task in under_way):
            await self._until(time.monotonic() + 1, began, last_s)
        for task in under_way:
            task.result()

    async def _until(self, moment: float, began: float, last_s: float) -> None:
        while (left := moment - time.monotonic()) > 0:
            await asyncio.sleep(min(left, 0.5))
            self._done = min(1.0, (time.monotonic() - began) / max(last_s, 1))
            self._counted()

    def _counted(self) -> None:
        self._show.figures(self._load.figures, self._done)

    # What it runs on.

    def _disks(self, stack: contextlib.AsyncExitStack) -> dict[str, Disk]:
        if not self._trial.disks:
            return {}
        disks = {name: Disk(self._folder / f"{name}-disk", DISK_BYTES) for name in (NATS, POSTGRES)}
        for disk in disks.values():
            stack.callback(disk.unmount)
            if not disk.mount():
                self._journal.write({"untried": "full disks: this machine does not let us mount a tmpfs"})
                return {}
        return disks

    def _clocks(self) -> dict[str, Clock]:
        if not self._trial.clocks:
            return {}
        library = clock.library()
        if library is None:
            self._journal.write({"untried": f"moved clocks: Debian's package {clock.PACKAGE} is not installed"})
            return {}
        parts = ("writer-1", "archiver-1", "history-1", "edge-1", "edge-2")
        return {part: Clock(library, self._folder, part) for part in parts}

    def _places(self, disks: dict[str, Disk], clocks: dict[str, Clock]) -> Places:
        return Places(
            settings=self._trial.settings,
            environment=self._trial.environment,
            environment_of={part: one.environment for part, one in clocks.items()},
            nats_data=disks[NATS].folder / "data" if NATS in disks else None,
            postgres_data=disks[POSTGRES].folder / "data" if POSTGRES in disks else None,
        )

    def _fired(self, fired: Fired) -> None:
        self._journal.write({"fault": asdict(fired)})
        self._journal.flush()


# What is always there to be broken, whatever the numbers of the other parts.
SINGLE_PARTS: Final = (GATEWAY, NATS, POSTGRES)
