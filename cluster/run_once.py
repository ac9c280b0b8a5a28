"""A program that does one thing and ends: initdb, dbmate."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Mapping, Sequence


async def run_once(command: Sequence[str], environment: Mapping[str, str]) -> tuple[int, list[str]]:
    """Return the exit status of a program and what it said on standard error: lines, never none.

    A program that is still running when the caller is cancelled is killed.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=dict(environment),
        start_new_session=True,
    )
    try:
        _, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    lines = [line for line in errors.decode("utf-8", "replace").splitlines() if line.strip()]
    return process.returncode, lines or ["it says nothing"]
