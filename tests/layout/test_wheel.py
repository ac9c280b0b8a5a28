"""`pip install .` gives the same command, with the page, the migrations and the configurations inside."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.layout.tree import ROOT, files

PACKAGES = ("livecomments", "cluster", "wire", "runtime", "writer", "edge", "history")
INSIDE = ("gateway", "migrations", "nats", "web")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    folder = wheel.parent / "installed"
    pip = ("-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile", "--target")
    subprocess.run([sys.executable, *pip, str(folder), str(wheel)], check=True, capture_output=True)
    return folder


def run(installed: Path, *arguments: str) -> str:
    """Run Python away from the checkout, with the installed packages before all others."""
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    ran = subprocess.run(
        [sys.executable, *arguments], cwd=installed, env=environment, check=True, capture_output=True, text=True
    )
    return ran.stdout


def test_the_wheel_holds_every_module_and_every_other_file_that_a_part_reads(wheel):
    with zipfile.ZipFile(wheel) as opened:
        inside = set(opened.namelist())
    for path in files():
        relative = path.relative_to(ROOT)
        if relative.parts[0] in INSIDE:
            assert f"runtime/share/{relative}" in inside
        elif relative.parts[0] in PACKAGES:
            assert str(relative) in inside
    assert not [name for name in inside if name.startswith(("nats/", "tests/", "bench/", "faults/", "docs/"))]
    assert any(name.endswith("/licenses/LICENSE") for name in inside)


def test_the_installed_command_tells_what_it_can_do(installed):
    told = run(installed, str(installed / "bin" / "livecomments"), "--help")
    assert "up" in told.split()
    assert "replay" in told.split()


@pytest.mark.parametrize("folder", INSIDE)
def test_the_installed_command_finds_its_files_in_itself(installed, folder):
    found = run(installed, "-c", f"from runtime.assets import folder; print(folder({folder!r}))").strip()
    assert Path(found) == installed / "runtime" / "share" / folder
    assert any(Path(found).iterdir())
