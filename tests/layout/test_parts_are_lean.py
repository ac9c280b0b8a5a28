"""What a part does not need is not in its memory: an edge is one of many processes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.layout.tree import ROOT

LOADED = "import sys, livecomments.commands.parts, {part}.app; print(*sys.modules)"


@pytest.mark.parametrize("part", ["edge", "writer"])
def test_libraries_that_a_part_never_uses_are_not_loaded(part):
    done = subprocess.run(
        [sys.executable, "-c", LOADED.format(part=part)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not {"aiohttp", "asyncpg", "cryptography", "rich"} & set(done.stdout.split())


def test_what_was_left_out_can_still_be_imported_afterwards():
    subprocess.run([sys.executable, "-c", "import runtime.lean, aiohttp, rich, cryptography"], cwd=ROOT, check=True)
