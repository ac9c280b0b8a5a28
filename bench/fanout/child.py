"""Child processes: each on its own core, and never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from pathlib import Path
from typing import Final

START_TIMEOUT_S: Final = 30
STOP_TIMEOUT_S: Final = 5

_PR_SET_PDEATHSIG: Final = 1  # prctl(2)


async def spawn(
    *command: str, core: int, log: Path, env: Mapping[str, str] | None = None, talks: bool = False
) -> Process:
    """Start a program on a core. What it says on stderr goes to `log`; with `talks` its input and output are pipes."""

    def pin() -> None:
        os.sched_setaffinity(0, {core})
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

    with log.open("ab") as file:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=PIPE if talks else DEVNULL,
            stdout=PIPE if talks else file,
            stderr=file,
            env={**os.environ, **(env or {})},
            preexec_fn=pin,
            limit=16 * 1024 * 1024,
        )


async def end(process: Process) -> None:
    """End a process, and wait until it has ended."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
    except TimeoutError:
        process.kill()
        await process.wait()


async def listening(port: int, process: Process, log: Path) -> None:
    """Wait until a process listens on its port. Raises `RuntimeError`, with the end of its log, when it does not."""
    loop = asyncio.get_running_loop()
    give_up = loop.time() + START_TIMEOUT_S
    while process.returncode is None and loop.time() < give_up:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.05)
    raise RuntimeError(f"it does not start:\n{_end_of(log)}")


def _end_of(log: Path) -> str:
    return log.read_text("utf-8", "replace")[-2000:]


def free_port() -> int:
    """Return a port that is free now, below those that connections are made from."""
    for port in range(10_000 + os.getpid() % 10_000, 32_000):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            probe.listen()
            if port not in _GIVEN:
                _GIVEN.add(port)
                return port
    raise RuntimeError("no free port")


_GIVEN: Final[set[int]] = set()
