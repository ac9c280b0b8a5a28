"""The order in which the whole cluster starts and ends.

Up: Postgres and NATS together; migrations and streams; the parts; the gateway. Down the other way, in steps: edges tell
their viewers while the gateway takes nobody new and lets requests end; then the other parts; then NATS and Postgres.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Coroutine, Iterable
from typing import Any, Final, Protocol

import aiohttp

from cluster import cluster_file, gateway, migration, nats, parts, postgres
from cluster.child import Child, Program
from cluster.data_folder import DataFolder
from cluster.parts import Part
from cluster.plan import Plan
from runtime import assets, jetstream, streams
from runtime import postgres as database

MAX_FILES: Final = 65_536  # a process here wants; an edge has a file for each viewer


class Progress(Protocol):
    """Whoever wants to know how far the start is, and what happens later."""

    def step(self, text: str) -> None:
        """Hear what is being done now."""

    def note(self, text: str) -> None:
        """Hear of something that happened, in one line."""


class System:
    """A cluster on this machine: started once, kept running, ended once."""

    def __init__(self, plan: Plan, folder: DataFolder, progress: Progress) -> None:
        self._plan = plan
        self._folder = folder
        self._progress = progress
        self._children: dict[str, Child] = {}
        self._announced = False
        self._watcher: asyncio.Task[None] | None = None
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Start everything; returns when requests through the gateway succeed.

        Raises `StartError` and what migrations and streams raise; `stop` is to be called then too.
        """
        _raise_file_limit()
        self._folder.cluster_file.unlink(missing_ok=True)  # of a run that was killed
        self._session = session = aiohttp.ClientSession()
        plan = self._plan
        self._progress.step("starting Postgres and NATS")
        await _all(self._start_postgres(), self._start_nats(session))
        self._progress.step("bringing the database up to date")
        await migration.migrate(plan.settings, assets.folder("migrations"))
        self._progress.step("providing the streams")
        await self._provide_streams()
        self._progress.step("starting writer, archiver, history and edges")
        await _all(*(self._start_part(part, session) for part in plan.parts))
        self._progress.step("starting the gateway")
        front = await self._start(plan.gateway.program())
        await front.until(lambda: plan.gateway.is_ready(session), gateway.START_LIMIT_S)
        self._announced = True
        self._write_cluster_file()

    async def stop(self) -> None:
        """End everything, in order; every step has a limit."""
        await self._put_down()
        plan = self._plan
        await self._stop([part.program().name for part in plan.edges] + ["gateway"])
        await self._stop([part.program().name for part in plan.parts])
        await self._stop(["nats", "postgres"])

    async def abort(self) -> None:
        """End everything at once."""
        await self._put_down()
        await _each(child.abort() for child in self._children.values())

    async def _start_postgres(self) -> None:
        server = self._plan.postgres
        await server.make_data()
        child = await self._start(server.program())
        await child.until(server.is_ready, postgres.START_LIMIT_S)
        await server.make_database()

    async def _start_nats(self, session: aiohttp.ClientSession) -> None:
        server = self._plan.nats
        child = await self._start(server.program())
        await child.until(lambda: server.is_ready(session), nats.START_LIMIT_S)
        self._watcher = asyncio.create_task(nats.watch(server, child, session, self._progress.note))

    async def _provide_streams(self) -> None:
        settings = self._plan.settings
        connection = await jetstream.connect(settings, "up")
        try:
            opened = await database.connect(settings, "up")
            try:
                await streams.provision(connection, opened, settings, lambda _: None)
            finally:
                await database.close(opened)
        finally:
            await jetstream.close(connection)

    async def _start_part(self, part: Part, session: aiohttp.ClientSession) -> None:
        child = await self._start(part.program())
        await child.until(lambda: part.is_ready(session), parts.START_LIMIT_S)

    async def _start(self, program: Program) -> Child:
        child = Child(program, self._folder.logs, self._progress.note, self._write_cluster_file)
        self._children[program.name] = child
        await child.start()
        return child

    def _write_cluster_file(self) -> None:
        if self._announced:
            pids = {name: child.pid for name, child in self._children.items()}
            cluster_file.write(self._folder.cluster_file, self._plan.state(pids))

    async def _put_down(self) -> None:
        """Take back what was announced, before anything ends."""
        self._announced = False
        self._folder.cluster_file.unlink(missing_ok=True)
        if self._watcher is not None:
            self._watcher.cancel()
        if self._session is not None:
            await self._session.close()

    async def _stop(self, names: Iterable[str]) -> None:
        await _each(self._children[name].stop() for name in names if name in self._children)


async def _all(*doing: Coroutine[Any, Any, None]) -> None:
    """Do all of it at once. The first failure ends the rest, and is raised."""
    tasks = [asyncio.create_task(one) for one in doing]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _each(doing: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do all of it at once, and each to its end. The first failure is raised afterwards."""
    for result in await asyncio.gather(*doing, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result


def _raise_file_limit() -> None:
    """Let this process, and so those that it starts, have as many files as they may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_FILES if hard == resource.RLIM_INFINITY else min(MAX_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
