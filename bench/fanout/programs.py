"""The C programs of this measurement, compiled when it is run."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Programs:
    """Where the programs are."""

    bare_loop: Path
    viewers: Path


def compile_programs(folder: Path) -> Programs:
    """Compile them into a folder. Raises `RuntimeError` where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise RuntimeError("a C compiler is needed for the load: apt-get install gcc libc6-dev")
    for name in ("bare_loop", "viewers"):
        command = [compiler, "-O2", "-Wall", "-Wextra", "-o", str(folder / name), str(_HERE / f"{name}.c")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{name}.c does not compile:\n{done.stderr}")
    return Programs(folder / "bare_loop", folder / "viewers")
