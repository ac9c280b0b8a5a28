"""What stands where, and what stands nowhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.layout.tree import ROOT, files, name

GIVEN_FOLDERS = ("edge", "writer", "history", "nats", "migrations", "tests")
OTHER_FOLDERS = (
    "wire",
    "runtime",
    "livecomments",
    "cluster",
    "gateway",
    "kubernetes",
    "web",
    "bench",
    "load",
    "faults",
    "hosts",
    "monitoring",
    "postgres",
    "docs",
    "requirements",
)
GIVEN_FILES = ("locustfile.py", "compose.yaml")
OTHER_FILES = (
    *("Makefile", "README.md", "LICENSE", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "pyproject.toml"),
    ".ci/run",
)

# In pieces, so that this file does not hold what it looks for.
REGISTRIES = [
    *("pypi" + ".org", "python" + "hosted.org", "npm" + "js.org", "npm" + "js.com", "crates" + ".io"),
    *("proxy.golang" + ".org", "deb.debian" + ".org", "repo1.maven" + ".org", "jsdelivr" + ".net", "unpkg" + ".com"),
]
MACHINE_PATHS = re.compile(r"(?<![\w.])/(" + "|".join(["ro" + "ot", "wo" + "rk", "ho" + r"me/\w"]) + r")/")
SKIPS = re.compile("|".join([r"\.sk" + "ip", "import" + "orsk" + "ip", "xf" + "ail", "test" + r"\.fixme"]))


@pytest.mark.parametrize("folder", [*GIVEN_FOLDERS, *OTHER_FOLDERS])
def test_the_folder_is_there(folder):
    assert (ROOT / folder).is_dir()
    assert any(path.is_relative_to(ROOT / folder) for path in files()), "it is empty"


@pytest.mark.parametrize("file", [*GIVEN_FILES, *OTHER_FILES])
def test_the_file_is_there_and_says_something(file):
    assert (ROOT / file).stat().st_size > 0


def test_the_nats_folder_holds_no_python_so_that_import_nats_is_nats_py():
    import nats

    assert not [name(path) for path in files() if path.parent == ROOT / "nats" and path.suffix in (".py", ".pyi")]
    assert callable(nats.connect)
    assert not Path(nats.__file__).is_relative_to(ROOT / "nats")


def test_no_file_names_a_package_registry():
    """Whoever installs this has a registry of their own choice; their pip knows it."""
    found = [(name(path), host) for path, text in _texts() for host in REGISTRIES if host in text]
    assert not found


def test_no_file_names_a_folder_of_the_machine_that_it_was_written_on():
    found = [
        f"{name(path)}:{number}: {line.strip()[:80]}"
        for path, text in _texts()
        for number, line in enumerate(text.splitlines(), start=1)
        if MACHINE_PATHS.search(line)
    ]
    assert not found


def test_no_test_is_left_out():
    """A test that may be left out hides the day when it always is."""
    tests = [(path, text) for path, text in _texts() if path.is_relative_to(ROOT / "tests") and path.suffix == ".py"]
    assert tests
    found = [name(path) for path, text in tests if path != Path(__file__) and SKIPS.search(text)]
    assert not found


def _texts() -> list[tuple[Path, str]]:
    texts = []
    for path in files():
        try:
            texts.append((path, path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue  # a picture, or test data
    return texts
