"""The files of this project, as the layout tests look at them."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# What a build or a run leaves behind, for a tree without git (a source distribution).
_MADE = {".venv", ".git", ".data", "__pycache__", "build", "dist", "test-artefacts", "bench-results"}


def files() -> list[Path]:
    """Return every file that belongs to the project, new ones included that git does not know yet."""
    if (ROOT / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            check=True,
            capture_output=True,
        ).stdout.decode()
        found = [ROOT / name for name in listed.split("\0") if name]
    else:
        found = [path for path in ROOT.rglob("*") if not _MADE & set(path.relative_to(ROOT).parts)]
    return [path for path in found if path.is_file()]


def modules(package: str) -> list[Path]:
    """Return the Python files of a package and of the packages in it."""
    return [path for path in files() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] == package]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))
