"""Running a measurement as a person would: its command, in a process of its own."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.servers import free_port

ROOT = Path(__file__).resolve().parents[2]


def with_site(folder: str) -> dict[str, str]:
    """Return what has Python read a folder of these tests, and change itself as it says there, before anything else."""
    return {"PYTHONPATH": f"{Path(__file__).with_name(folder)}{os.pathsep}{ROOT}"}


def locust(*options: str) -> tuple[str, ...]:
    """Return how locust is run without its page."""
    return ("-m", "locust", "--headless", *options)


def processes(count: int) -> tuple[str, ...]:
    """Return how locust is run over several processes, at a port of their own: other runs go on beside this one."""
    port = str(free_port())
    return ("--processes", str(count), "--master-bind-port", port, "--master-port", port)


async def run(arguments: tuple[str, ...], env: Mapping[str, str]) -> tuple[int, str]:
    """Run Python with these arguments. Return its status, and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()
