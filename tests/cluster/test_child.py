"""One process: started again when it ends, given up when it never gets ready, ended for good."""

import asyncio
import os
import signal
import time

import pytest

from cluster.backoff import FIRST_WAIT_S, MAX_WAIT_S, STEADY_AFTER_S, Backoff
from cluster.child import MAX_EARLY_ENDS, MAX_LOG_BYTES, Child, Program
from cluster.errors import StartError


@pytest.fixture
async def run(tmp_path):
    children = []

    async def start(script, **options):
        told = []
        environment = {"PATH": os.environ["PATH"], "HERE": str(tmp_path)}
        child = Child(Program("it", ("sh", "-c", script), environment, **options), tmp_path, told.append, lambda: None)
        children.append(child)
        await child.start()
        child.told = told
        return child

    yield start
    for child in children:
        await child.abort()


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  it is about another process
            await asyncio.sleep(0.01)


async def yes():
    return True


async def no():
    return False


async def test_a_process_that_ends_is_started_again_and_that_is_told(run):
    child = await run("exec sleep 60")
    await child.until(yes, 5)
    first = child.pid
    os.kill(first, signal.SIGKILL)
    await until(lambda: child.pid != first)
    assert child.is_running()
    assert child.told == ["it ended (by SIGKILL) and is started again"]


async def test_a_process_that_ends_before_it_was_ready_is_given_up_with_its_last_words(run, tmp_path):
    child = await run('echo run >> "$HERE/runs"; echo "Error: no such thing" >&2; exit 1')
    with pytest.raises(StartError, match=r"it does not start: no such thing; see .*it\.log"):
        await child.until(no, 10)
    assert (tmp_path / "runs").read_text().count("run") == MAX_EARLY_ENDS


async def test_a_process_that_never_gets_ready_is_not_waited_for_for_ever(run):
    child = await run("exec sleep 60")
    with pytest.raises(StartError, match="not ready within"):
        await child.until(no, 0.2)


async def test_a_program_that_is_not_there_is_named(tmp_path):
    child = Child(Program("it", ("no-such-program",), {"PATH": os.environ["PATH"]}), tmp_path, print, lambda: None)
    await child.start()
    with pytest.raises(StartError, match="no-such-program"):
        await child.until(no, 10)
    await child.stop()


async def test_a_process_that_does_not_listen_is_killed_after_its_time(run):
    child = await run('trap "" TERM; echo up > "$HERE/up"; while :; do sleep 0.05; done', stop_wait_s=0.3)
    await until((child.log.parent / "up").exists)
    asked = time.monotonic()
    await child.stop()
    assert not child.is_running()
    assert 0.3 <= time.monotonic() - asked < 3
    assert child.told == ["it did not end within 0 s and is killed"]


async def test_a_process_that_was_ended_for_good_is_not_started_again(run, tmp_path):
    child = await run('echo run >> "$HERE/runs"; exec sleep 60')
    await until((tmp_path / "runs").exists)
    await child.stop()
    await asyncio.sleep(3 * FIRST_WAIT_S)
    assert (tmp_path / "runs").read_text().count("run") == 1


async def test_ctrl_c_in_the_terminal_does_not_reach_a_process(run):
    child = await run("exec sleep 60")
    assert os.getsid(child.pid) == child.pid != os.getsid(0)


async def test_a_log_that_has_grown_long_is_put_aside_at_the_start(run, tmp_path):
    (tmp_path / "it.log").write_bytes(b"x" * (MAX_LOG_BYTES + 1))
    child = await run("echo new; exec sleep 60")
    await until(lambda: child.log.read_text() == "new\n")
    assert (tmp_path / "it.log.1").stat().st_size == MAX_LOG_BYTES + 1


def test_waits_double_up_to_a_limit_and_begin_anew_after_a_steady_run():
    backoff = Backoff()
    waits = [backoff.wait_s(lived_s=0) for _ in range(10)]
    assert waits[:3] == [FIRST_WAIT_S, 2 * FIRST_WAIT_S, 4 * FIRST_WAIT_S]
    assert waits[-1] == MAX_WAIT_S
    assert backoff.wait_s(lived_s=STEADY_AFTER_S) == FIRST_WAIT_S
