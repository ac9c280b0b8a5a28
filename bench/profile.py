"""`make profile`: where a part of the cluster that runs here spends its time, as a flame graph in a file.

py-spy looks at a process from outside: nothing is changed in it, and it goes on while it is looked at.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import click

from livecomments.cluster_here import describe
from runtime.settings import read_settings

RESULTS: Final = Path("bench-results")
PARTS: Final = {"writer": "writers", "archiver": "archivers", "history": "histories", "edge": "edges"}
RATE: Final = 500  # samples a second


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("part", type=click.Choice(list(PARTS)))
@click.option("--number", default=1, type=click.IntRange(min=1), help="Which of several.")
@click.option("--seconds", default=20, type=click.IntRange(1, 3600))
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="The file; .svg is a flame graph.")
@click.option("--native/--python", help="C extensions too: the event loop, sockets.")
def main(*, part: str, number: int, seconds: int, output: Path | None, native: bool) -> None:
    """Draw where PART of the cluster in LIVECOMMENTS_DATA_DIR spends its time; put it under load meanwhile."""
    places = describe(read_settings())[PARTS[part]]
    if number > len(places):
        raise click.BadParameter(f"there are {len(places)}", param_hint="--number")
    program = shutil.which("py-spy", path=f"{Path(sys.executable).parent}:{Path.cwd()}") or shutil.which("py-spy")
    if program is None:
        raise click.ClickException("py-spy is not here: requirements/set-up dev installs it")
    file = output or RESULTS / f"{part}-{number}.svg"
    file.parent.mkdir(parents=True, exist_ok=True)
    kind = "speedscope" if file.suffix == ".json" else "flamegraph"
    command = [program, "record", "--pid", str(places[number - 1]["pid"]), "--duration", str(seconds)]
    command += ["--rate", str(RATE), "--format", kind, "--output", str(file), *(["--native"] if native else [])]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode or not file.is_file():
        reason = (done.stderr or done.stdout).strip().splitlines()
        hint = "; looking at another process takes root, or kernel.yama.ptrace_scope=0"
        raise click.ClickException(f"py-spy: {reason[-1] if reason else 'no word'}{hint}")
    click.echo(file)


if __name__ == "__main__":
    main()
