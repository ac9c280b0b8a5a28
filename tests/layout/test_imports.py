"""Imports run one way: wire <- runtime <- {writer, edge, history}; the command line and the cluster are above them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.layout.tree import modules, name

SERVICES = ("writer", "edge", "history")
OURS = {"wire", "runtime", *SERVICES, "livecomments", "cluster", "bench", "faults", "load", "tests", "locustfile"}
MAY_IMPORT = {
    "wire": {"wire"},
    "runtime": {"wire", "runtime"},
    **{service: {"wire", "runtime", service} for service in SERVICES},
    "cluster": {"wire", "runtime", "cluster"},
}

# What wire is free of: I/O, clocks, threads, and every library but the one that reads and writes JSON.
WIRE_LIBRARIES = {"orjson"}
IMPURE = {
    *("asyncio", "concurrent", "io", "logging", "multiprocessing", "os", "pathlib", "select", "selectors", "shutil"),
    *("signal", "socket", "ssl", "subprocess", "sys", "tempfile", "threading", "time", "urllib"),
}


def imported(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield the top-level name of each import of a file, and whether it happens when the file is loaded."""
    tree = ast.parse(path.read_bytes())
    late = {
        id(inner)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(outer)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.split(".")[0], id(node) not in late
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(path)}: a relative import hides which package is meant"
            yield (node.module or "").split(".")[0], id(node) not in late


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_a_package_imports_only_what_is_below_it(package):
    assert modules(package), f"there is no package {package}"
    wrong = {
        f"{name(path)} imports {top}"
        for path in modules(package)
        for top, _ in imported(path)
        if top in OURS - MAY_IMPORT[package]
    }
    assert not wrong


def test_wire_does_no_input_or_output():
    allowed = WIRE_LIBRARIES | {"wire"}
    for path in modules("wire"):
        for top, _ in imported(path):
            assert top not in IMPURE, f"{name(path)} imports {top}"
            assert top in allowed or top in _standard_library(), f"{name(path)} imports {top}"
        calls = {node.id for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.Name)}
        assert not calls & {"open", "print", "input"}, name(path)


def test_the_command_line_loads_a_service_only_when_it_runs_it():
    """`livecomments --help` is quick, and a part carries only its own code."""
    for path in modules("livecomments"):
        for top, at_once in imported(path):
            assert not (at_once and top in SERVICES), f"{name(path)} imports {top} when it is loaded"


def _standard_library() -> frozenset[str]:
    import sys

    return sys.stdlib_module_names
