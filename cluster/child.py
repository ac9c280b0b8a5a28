"""One process of the cluster: started, started again when it ends, ended for good; and its log.

A child has a session of its own, so that Ctrl-C in a terminal reaches `up` alone, which then ends its children in
order; and the kernel ends it when `up` dies without having had the time (`setpriv --pdeathsig`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cluster.backoff import Backoff
from cluster.errors import StartError

MAX_LOG_BYTES: Final = 10 * 1024 * 1024  # a longer log is put aside when its process starts
MAX_EARLY_ENDS: Final = 2  # a part that ends this often before it was ever ready does not start at all
POLL_INTERVAL_S: Final = 0.05
KILL_WAIT_S: Final = 5.0
LAST_WORDS_BYTES: Final = 4096  # of a log, read to say why its process does not start


@dataclass(frozen=True, slots=True)
class Program:
    """What to run, and how it wants to be ended.

    `privileges` are further options of setpriv; `death_signal` is what the kernel sends when `up` has died.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    privileges: tuple[str, ...] = ()
    stop_signal: signal.Signals = signal.SIGTERM
    stop_wait_s: float = 10.0
    abort_signal: signal.Signals = signal.SIGKILL
    death_signal: signal.Signals = signal.SIGKILL
    before_start: Callable[[], Awaitable[None]] | None = None

    def full_command(self) -> tuple[str, ...]:
        """Return the command with what ties its life to ours."""
        death_signal = self.death_signal.name.removeprefix("SIG")
        return ("setpriv", "--pdeathsig", death_signal, *self.privileges, "--", *self.command)


class Child:
    """A program that is kept running.

    `tell` hears of an unexpected end in one line; `changed` is called whenever the process is a new one.
    """

    def __init__(self, program: Program, logs: Path, tell: Callable[[str], None], changed: Callable[[], None]) -> None:
        self.program = program
        self.log = logs / f"{program.name}.log"
        self.pid = 0
        self.started_at = 0.0  # of the monotonic clock
        self._tell = tell
        self._changed = changed
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._was_ready = False
        self._stopping = False
        self._spawning = asyncio.Lock()

    async def start(self) -> None:
        """Start the process, and keep it running from now on. Raises `StartError` when there is no such program."""
        try:
            await self._spawn()
        except OSError as error:
            raise StartError(f"{self.program.name} does not start: {error.strerror}: {error.filename}") from None
        self._keeper = asyncio.create_task(self._keep())

    async def until(self, is_ready: Callable[[], Awaitable[bool]], limit_s: float) -> None:
        """Wait until the process can do its work.

        Raises `StartError` when it keeps ending, or when it takes longer than `limit_s`.
        """
        assert self._keeper is not None
        deadline = time.monotonic() + limit_s
        while not await is_ready():
            if self._keeper.done():
                raise StartError(f"{self.program.name} does not start: {self._last_words()}; see {self.log}")
            if time.monotonic() > deadline:
                raise StartError(
                    f"{self.program.name} was not ready within {limit_s:.0f} s: {self._last_words()}; see {self.log}"
                )
            await asyncio.sleep(POLL_INTERVAL_S)
        self._was_ready = True

    def is_running(self) -> bool:
        """Return whether there is a process now."""
        return self._process is not None and self._process.returncode is None

    async def restart(self) -> None:
        """End the process, so that it is started again."""
        process = self._process
        if process is not None:
            await self._end(process)

    async def stop(self) -> None:
        """End the process for good: politely at first, by force when it takes longer than it may."""
        await self._let_go()
        if self._process is not None:
            await self._end(self._process)

    async def abort(self) -> None:
        """End the process at once and for good."""
        await self._let_go()
        if self._process is not None:
            _send(self._process, self.program.abort_signal)
            if not await _ended(self._process, KILL_WAIT_S):
                _send(self._process, signal.SIGKILL)
                await _ended(self._process, KILL_WAIT_S)

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        _send(process, self.program.stop_signal)
        if not await _ended(process, self.program.stop_wait_s):
            self._tell(f"{self.program.name} did not end within {self.program.stop_wait_s:.0f} s and is killed")
            _send(process, signal.SIGKILL)
            await _ended(process, KILL_WAIT_S)

    async def _let_go(self) -> None:
        """Keep it no longer. A start that is on its way comes to its end first, so that it leaves nothing behind."""
        self._stopping = True
        async with self._spawning:
            if self._keeper is not None:
                self._keeper.cancel()

    async def _keep(self) -> None:
        """Start the process again whenever it ends. Returns when that has no point."""
        backoff = Backoff()
        early_ends = 0
        while True:
            process = self._process
            assert process is not None
            code = await process.wait()
            if self._stopping:
                return
            if not self._was_ready:
                early_ends += 1
                if early_ends >= MAX_EARLY_ENDS:
                    return
            else:
                self._tell(f"{self.program.name} ended ({_how(code)}) and is started again")
            await asyncio.sleep(backoff.wait_s(time.monotonic() - self.started_at))
            while True:
                try:
                    await self._spawn()
                    break
                except (OSError, StartError) as error:
                    self._tell(f"{self.program.name} cannot be started: {error}")
                    await asyncio.sleep(backoff.wait_s(0))

    async def _spawn(self) -> None:
        if self.program.before_start is not None:
            await self.program.before_start()
        async with self._spawning:
            if self._stopping:
                return
            _put_aside(self.log)
            descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *self.program.full_command(),
                    stdin=subprocess.DEVNULL,
                    stdout=descriptor,
                    stderr=descriptor,
                    env=dict(self.program.environment),
                    start_new_session=True,
                )
            finally:
                os.close(descriptor)
            self.started_at = time.monotonic()
            self.pid = self._process.pid
            self._changed()

    def _last_words(self) -> str:
        """Return the last line of the log: what a process that does not start says last."""
        try:
            with self.log.open("rb") as opened:
                opened.seek(max(0, self.log.stat().st_size - LAST_WORDS_BYTES))
                lines = opened.read().decode("utf-8", "replace").strip().splitlines()
        except OSError:
            lines = []
        return lines[-1].removeprefix("Error: ") if lines else "it says nothing"


def _send(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)


async def _ended(process: asyncio.subprocess.Process, within_s: float) -> bool:
    try:
        await asyncio.wait_for(process.wait(), within_s)
    except TimeoutError:
        return False
    return True


def _how(code: int) -> str:
    return f"by {signal.Signals(-code).name}" if code < 0 else f"status {code}"


def _put_aside(log: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > MAX_LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
