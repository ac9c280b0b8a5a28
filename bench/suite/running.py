"""Running the parts one after the other, each in processes of its own, with a bar."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from bench import machine
from bench.suite.parts import Part, Step
from bench.suite.result import VERSION, Result

ROOT: Final = Path(__file__).resolve().parents[2]
LOOK_S: Final = 0.25
LONGEST_S: Final = 1_800  # for one command
LINES_SHOWN: Final = 15
QUICK_WITHIN_S: Final = 600.0  # what --quick promises of all parts together
NEARLY: Final = 0.98  # how far the bar goes for a step that takes longer than it should


def run_all(
    console: Console, parts: Sequence[Part], *, quick: bool, keep: Callable[[Result], None] | None = None
) -> Result:
    """Run the parts, and return what they have measured. A part that fails is told, and the others go on.

    `keep` is given what there is after each part: a run that is ended before its time has not measured in vain.
    """
    began = time.monotonic()
    measured: dict[str, Any] = {}
    document: dict[str, Any] = {
        "version": VERSION,
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": quick,
        "machine": machine.describe(),
        "seconds": 0.0,
        "parts": measured,
    }
    expected_s = sum(_expected_s(step, quick=quick) for part in parts for step in _steps(part, quick=quick))
    with (
        Progress(
            TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn(), console=console
        ) as progress,
        tempfile.TemporaryDirectory(prefix="livecomments-bench-") as folder,
    ):
        bar = progress.add_task("", total=expected_s)
        for part in parts:
            if quick and not part.is_quick:
                continue
            progress.update(bar, description=f"{part.name}: {part.says}")
            measured[part.name] = _run_part(part, Path(folder), progress, bar, quick=quick)
            if measured[part.name]["failed"]:
                progress.console.print(f"{part.name}: {measured[part.name]['failed']}", markup=False)
            document["seconds"] = round(time.monotonic() - began, 1)
            if keep is not None:
                keep(Result(document))
    _say_how_long(console, document, parts)
    return Result(document)


def _say_how_long(console: Console, document: dict[str, Any], parts: Sequence[Part]) -> None:
    """Say how long it took, and where a quick run took longer than it may, what was slower than it is known to be."""
    console.print(f"took {document['seconds'] / 60:.1f} min")
    if not document["quick"] or document["seconds"] <= QUICK_WITHIN_S:
        return
    said = [
        f"{part.name} {took_s:.0f} s (about {step.quick_s:.0f} expected)"
        for part in parts
        if part.name in document["parts"]
        for step, took_s in zip(_steps(part, quick=True), document["parts"][part.name]["steps_s"], strict=True)
        if took_s > step.quick_s
    ]
    console.print(f"longer than --quick may take, {QUICK_WITHIN_S / 60:.0f} min: {', '.join(said)}", style="red")


def _run_part(part: Part, folder: Path, progress: Progress, bar: TaskID, *, quick: bool) -> dict[str, Any]:
    began, results, failed, took_s = time.monotonic(), [], None, []
    for number, step in enumerate(_steps(part, quick=quick)):
        file = folder / f"{part.name}-{number}.json"
        done = progress.tasks[0].completed
        expected_s = _expected_s(step, quick=quick)
        step_began = time.monotonic()
        said = _run_step(step, file, progress, bar, expected_s, quick=quick)
        took_s.append(round(time.monotonic() - step_began, 1))
        progress.update(bar, completed=done + expected_s)
        if file.is_file():
            results.append(orjson.loads(file.read_bytes()))
        else:
            failed = f"'python -m {' '.join(step.command(quick=quick))}' measured nothing:\n{said}"
    return {
        "seconds": round(time.monotonic() - began, 1),
        "steps_s": took_s,
        "failed": failed,
        "results": results,
    }


def _run_step(step: Step, file: Path, progress: Progress, bar: TaskID, expected_s: float, *, quick: bool) -> str:
    """Run one command, and return the end of what it said. Aims that were not reached are no failure of it."""
    command = [sys.executable, "-m", *step.command(quick=quick), "--json", str(file)]
    if step.module == "bench.fanout":
        command += ["--picture", str(file.with_suffix(".svg"))]
    log = file.with_suffix(".log")
    began = time.monotonic()
    with log.open("wb") as output, subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output) as process:
        begun_at = progress.tasks[0].completed
        while process.poll() is None:
            time.sleep(LOOK_S)
            ran_s = time.monotonic() - began
            progress.update(bar, completed=begun_at + min(ran_s, expected_s * NEARLY))
            if ran_s > LONGEST_S:
                process.terminate()
    return "\n".join(log.read_text("utf-8", "replace").splitlines()[-LINES_SHOWN:])


def _steps(part: Part, *, quick: bool) -> list[Step]:
    return [step for step in part.steps if not quick or step.quick is not None]


def _expected_s(step: Step, *, quick: bool) -> float:
    return step.quick_s if quick else step.full_s
