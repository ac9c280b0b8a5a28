"""Mutants fit the code as it is. That each is caught is tried by `make faults ARGS=--mutants`, on the real system."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from faults.mutants import MUTANTS, mutant
from faults.mutation import Patch, StalePatchError, apply_all
from tests.layout.tree import ROOT

NAMES = [one.name for one in MUTANTS]


def test_there_are_enough_of_them_and_no_two_have_a_name():
    assert len(set(NAMES)) == len(NAMES) >= 15


@pytest.mark.parametrize("name", NAMES)
def test_a_mutant_fits_the_code_as_it_is(name):
    """Where this fails after a change, the patch in faults/mutants.py has to follow it."""
    patches = mutant(name).patches
    for file in {patch.file for patch in patches}:
        before = (ROOT / file).read_text(encoding="utf-8")
        after = apply_all(file, before, patches)
        assert after != before
        if file.endswith(".py"):
            compile(after, file, "exec")
            # A mutant that only breaks down shows another defect than its own.
            new = [patch.new for patch in patches if patch.file == file]
            assert all(name in before for name in re.findall(r"self\.\w+", "".join(new))), file


@pytest.mark.parametrize("text", ["nothing", "old and old"])
def test_a_patch_that_fits_nowhere_or_twice_is_refused(text):
    with pytest.raises(StalePatchError):
        Patch("some/file.py", "old", "new").apply(text)


def run(name: str | None, code: str) -> str:
    environment = {"PYTHONPATH": f"{ROOT / 'faults' / 'mutant_site'}:{ROOT}"}
    if name is not None:
        environment["FAULTS_MUTANT"] = name
    ran = subprocess.run(
        [sys.executable, "-P", "-c", code], env=environment, check=True, capture_output=True, text=True
    )
    return ran.stdout.strip()


def test_only_a_process_that_is_told_to_is_a_mutant():
    code = "from edge.intake import judge; print(judge(1, 5, 3).name)"
    assert run(None, code) == "FILL"
    assert run("no-gap-fill", code) == "APPEND"


def test_sql_is_mutated_too():
    code = "from history.archive import _QUERIES; print('comment_id >= $3' in _QUERIES['page_asc'])"
    assert run(None, code) == "False"
    assert run("at-the-cursor", code) == "True"


def test_a_mutant_that_does_not_fit_does_not_start():
    with pytest.raises(subprocess.CalledProcessError):
        run("no-such-mutant", "pass")
