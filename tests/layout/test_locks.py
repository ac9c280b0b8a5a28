"""The locks hold what pyproject.toml asks for, with hashes, and nothing of the machine that wrote them."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.layout.tree import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
BUILT_WITH = [line for line in (ROOT / "requirements" / "build.in").read_text().splitlines() if line and line[0] != "#"]
WANTED = {
    "run": [*PROJECT["project"]["dependencies"], *BUILT_WITH],
    "dev": [
        *PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"]["dev"],
        *BUILT_WITH,
    ],
}


def locked(lock: str) -> dict[str, set[Version]]:
    """Return the versions of each name in a lock; it may have several, for different Pythons."""
    versions: dict[str, set[Version]] = {}
    for line in (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8").splitlines():
        entry = re.match(r"([a-z0-9-]+)==([^\s;]+)", line)
        if entry is not None:
            versions.setdefault(entry[1], set()).add(Version(entry[2]))
    return versions


@pytest.mark.parametrize("lock", sorted(WANTED))
def test_a_lock_holds_what_pyproject_asks_for(lock):
    versions = locked(lock)
    for requirement in map(Requirement, WANTED[lock]):
        found = versions.get(canonicalize_name(requirement.name))
        assert found, f"{requirement.name} is not in requirements/{lock}.txt: make lock"
        assert all(version in requirement.specifier for version in found), f"{requirement}: make lock"


@pytest.mark.parametrize("lock", sorted(WANTED))
def test_every_entry_of_a_lock_has_hashes_and_no_address(lock):
    text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    entries = re.split(r"\n(?=\S)", text.strip())
    assert entries
    for entry in entries:
        assert re.match(r"[a-z0-9-]+==\S+( ; [^\\]+)? \\\n", entry), entry.splitlines()[0]
        assert "--hash=sha256:" in entry, entry.splitlines()[0]
    assert "://" not in text
    assert "--index" not in text


def test_tests_run_with_the_versions_that_people_run():
    run, dev = locked("run"), locked("dev")
    assert {name: dev.get(name) for name in run} == run
