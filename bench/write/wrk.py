"""The load: wrk (https://github.com/wg/wrk), started and read. It costs a tenth of what it measures."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

SCRIPT: Final = Path(__file__).resolve().with_name("load.lua")
STOP_TIMEOUT_S: Final = 30


class WrkMissingError(Exception):
    """There is no wrk here."""

    def __init__(self) -> None:
        super().__init__("wrk is needed for the load: apt-get install wrk")


@dataclass(frozen=True, slots=True)
class Answers:
    """What was answered. `others` are refusals, `errors` connections that failed and answers that never came."""

    seconds: float
    statuses: dict[int, int]
    errors: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    cpu_s: float  # of wrk itself

    def count(self, *statuses: int) -> int:
        """Return how many answers had one of these statuses."""
        return sum(self.statuses.get(status, 0) for status in statuses)

    @property
    def failed(self) -> int:
        """Return how many requests were not answered as asked."""
        return self.errors + sum(self.statuses.values()) - self.count(200, 201, 202)


def check_wrk() -> str:
    """Return where wrk is. Raises `WrkMissingError`."""
    program = shutil.which("wrk")
    if program is None:
        raise WrkMissingError
    return program


def posts(
    url: str,
    tokens: Path,
    seconds: float,
    connections: int,
    *,
    videos: int = 50,
    name: str = "bench-",
    per_s: float = 0,
    texts: Path | None = None,
) -> Answers:
    """POST comments to videos in turn; `per_s` 0: as many as go. `texts` is a file with one a line, taken in turn."""
    arguments = (str(tokens), str(videos), name, f"{per_s:g}", *(() if texts is None else (str(texts),)))
    return _run(url, seconds, connections, ("post", *arguments))


def pages(url: str, token: str, seconds: float, connections: int, paths: Path) -> Answers:
    """GET pages; the file has a path a line, taken in turn."""
    return _run(url, seconds, connections, ("page", token, str(paths)))


def _run(url: str, seconds: float, connections: int, arguments: tuple[str, ...]) -> Answers:
    command = [check_wrk(), "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "15s"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [*command, "-s", str(SCRIPT), url, "--", *arguments],
        capture_output=True,
        text=True,
        timeout=seconds + STOP_TIMEOUT_S,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = next((line for line in done.stdout.splitlines() if line.startswith("{")), None)
    if said is None:
        raise RuntimeError(f"wrk says:\n{done.stdout}{done.stderr}")
    figures = orjson.loads(said)
    return Answers(
        seconds=figures["seconds"],
        statuses={int(status): count for status, count in figures["statuses"].items()},
        errors=figures["errors"],
        p50_ms=figures["p50_ms"],
        p99_ms=figures["p99_ms"],
        max_ms=figures["max_ms"],
        cpu_s=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    )
