"""A package's docstring lists its files, each with its one concern."""

from __future__ import annotations

import ast
import re

import pytest

from tests.layout.tree import ROOT, files, name

SOURCES = (".py", ".sql", ".c", ".lua")
CLI_GROUP = "livecomments/commands"
PACKAGES = sorted(
    name(path.parent)
    for path in files()
    if path.name == "__init__.py" and path.relative_to(ROOT).parts[0] != "tests" and name(path.parent) != CLI_GROUP
)


@pytest.mark.parametrize("package", PACKAGES)
def test_the_table_lists_exactly_the_packages_files(package):
    folder = ROOT / package
    docstring = ast.get_docstring(ast.parse((folder / "__init__.py").read_bytes())) or ""
    rows = [line for line in docstring.splitlines() if re.match(r"\| `", line)]
    listed = [entry for row in rows for entry in re.findall(r"`([^`]+)`", row.split("|")[1])]
    there = {path.name for path in files() if path.parent == folder and path.suffix in SOURCES} - {"__init__.py"}
    there |= {f"{path.parent.name}/" for path in files() if path.parent.parent == folder and path.suffix == ".py"}
    there -= {"__main__.py"} - set(listed)  # it may go without saying
    assert sorted(listed) == sorted(there)


def test_each_command_has_a_file_of_its_own():
    from livecomments.cli import main

    there = {path.stem for path in files() if path.parent == ROOT / CLI_GROUP and path.name != "__init__.py"}
    parts = {"writer", "archiver", "edge", "history"}
    assert {*main.list_commands(None)} - parts == there - {"parts"}
