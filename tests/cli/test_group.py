"""The command line as a whole: fast to ask for help, and one line for each expected failure."""

import subprocess
import sys

import pytest

from livecomments.cli import COMMANDS, failure_line, main
from runtime.settings import SettingsError

LIBRARIES = {"aiohttp", "asyncpg", "nats", "pydantic", "quart", "rich", "uvicorn", "uvloop"}


def livecomments(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "livecomments", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_help_loads_no_library_that_only_a_command_needs():
    script = (
        "import sys; from livecomments.cli import main; main(['--help'], standalone_mode=False);"
        f"print('loaded', sorted({LIBRARIES} & sys.modules.keys()))"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[-1] == "loaded []"
    for name in COMMANDS:
        assert f"  {name} " in said


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help_that_begins_like_its_entry_in_the_list(name):
    command = main.get_command(None, name)
    assert command.name == name
    assert command.help.splitlines()[0].rstrip(".") == COMMANDS[name][1].rstrip(".")


def test_a_misspelt_command_is_told_what_it_may_have_meant():
    completed = livecomments("wacth")
    assert completed.returncode == 2
    assert "Did you mean 'watch'?" in completed.stderr


def test_an_expected_failure_is_one_line_and_status_1():
    completed = livecomments("writer")
    assert completed.returncode == 1
    assert completed.stderr == (
        "Error: LIVECOMMENTS_TOKEN_SECRET_FILE is not set: name a file with a secret of 32 bytes\n"
    )


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (SettingsError("say\nmore"), "say"),
        (FileNotFoundError(2, "No such file or directory", "a.txt"), "a.txt: No such file or directory"),
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (TimeoutError(), "TimeoutError"),
        (ZeroDivisionError("a defect"), None),
    ],
)
def test_what_a_person_can_act_on_is_told_in_a_line_and_a_defect_is_not_hidden(error, line):
    assert failure_line(error) == line
