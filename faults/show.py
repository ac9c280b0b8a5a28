"""A run, shown while it goes on."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from faults.run import Run
from faults.trial import Trial


def do_run(trial: Trial, folder: Path, console: Console) -> None:
    """Do a run; its ledger is in the folder then.

    Raises `WorkerError`, `StartError` and `OSError` where it comes to no end.
    """
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[figures]}"),
        console=console,
    ) as progress:
        asyncio.run(_until_done(Run(trial, folder, _Display(progress))))


async def _until_done(one: Run) -> None:
    """Ctrl-C and SIGTERM end a run in order: nothing is left behind."""
    going = asyncio.create_task(one.go())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, going.cancel)
    await going


class _Display:
    """Shows a run: what is done, how much was posted and shown, and each fault in a line."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=1.0, figures="")

    def step(self, text: str) -> None:
        """Show what is being done now."""
        if not self._progress.console.is_terminal:
            self._progress.console.print(text)
        self._progress.update(self._task, description=text)

    def fault(self, text: str) -> None:
        """Show a fault begin."""
        self._progress.console.print(text, markup=False)

    def figures(self, figures: dict[str, Any], done: float) -> None:
        """Show what was counted so far."""
        posted, watched = figures.get("posted", {}), figures.get("watched", {})
        acknowledged = posted.get("201", 0) + posted.get("202", 0)
        text = f"{acknowledged} acknowledged, {watched.get('connected', 0)} viewers, {watched.get('shown', 0)} shown"
        self._progress.update(self._task, completed=done, figures=text)
