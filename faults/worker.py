"""Processes of the suite's own: each does one thing, takes orders on its standard input and reports on its output.

Posters, viewers and proxies each have a process, so that none of them makes another one late. They end with the run:
when their input ends, they do.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import orjson
import uvloop

from runtime.settings import PREFIX

LINE_BYTES: Final = 16 * 1024 * 1024  # of one order or report
STOP_WAIT_S: Final = 5.0

Order = Callable[..., Awaitable[Any]]
Report = dict[str, Any]


class WorkerError(Exception):
    """A process of the suite ended before its time; what it said stands in its log."""


class Worker:
    """A process that obeys, as the run sees it. `on_report` hears what it says unasked."""

    def __init__(self, name: str, on_report: Callable[[Report], None]) -> None:
        self.name = name
        self._on_report = on_report
        self._process: asyncio.subprocess.Process | None = None
        self._asked: asyncio.Future[Any] | None = None
        self._turn = asyncio.Lock()
        self._listening: asyncio.Task[None] | None = None

    async def start(self, module: str) -> None:
        """Start `python -m module`."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        self._process = await asyncio.create_subprocess_exec(
            *("setpriv", "--pdeathsig", "KILL", "--", sys.executable, "-m", module),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment,
            limit=LINE_BYTES,
            start_new_session=True,  # Ctrl-C is for the run, which then ends all others in order
        )
        self._listening = asyncio.create_task(self._listen())

    async def ask(self, order: str, **arguments: Any) -> Any:
        """Have an order carried out, and return what came of it. Raises `WorkerError`."""
        async with self._turn:
            process = self._process
            assert process is not None
            assert process.stdin is not None
            if process.returncode is not None:
                raise WorkerError(f"the process of the {self.name} has ended ({process.returncode})")
            self._asked = asyncio.get_running_loop().create_future()
            process.stdin.write(orjson.dumps([order, arguments]) + b"\n")
            with contextlib.suppress(ConnectionError):
                await process.stdin.drain()
            return await self._asked

    async def stop(self) -> None:
        """End the process; by force when it takes long."""
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), STOP_WAIT_S)
        except TimeoutError:
            process.kill()
            await process.wait()
        if self._listening is not None:
            await self._listening

    async def _listen(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            kind, said = orjson.loads(line)
            if kind == "report":
                self._on_report(said)
            elif self._asked is not None and not self._asked.done():
                if kind == "failed":
                    self._asked.set_exception(WorkerError(f"the process of the {self.name}: {said}"))
                else:
                    self._asked.set_result(said)
        if self._asked is not None and not self._asked.done():
            self._asked.set_exception(WorkerError(f"the process of the {self.name} has ended"))


def obey(orders: Mapping[str, Order]) -> None:
    """Carry out orders until there are no more: the main function of such a process."""
    uvloop.run(_obey(orders))


def report(said: Report) -> None:
    """Say something to the run, unasked."""
    _say("report", said)


async def _obey(orders: Mapping[str, Order]) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=LINE_BYTES)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        order, arguments = orjson.loads(line)
        try:
            _say("done", await orders[order](**arguments))
        except Exception as error:  # noqa: BLE001  whoever asked must learn of it
            _say("failed", f"{order}: {type(error).__name__}: {error}")


def _say(kind: str, said: Any) -> None:
    # One line is written at once, and the run reads all the time: this waits for nobody.
    sys.stdout.buffer.write(orjson.dumps([kind, said]) + b"\n")
    sys.stdout.buffer.flush()
