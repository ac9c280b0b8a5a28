"""Work in the background: what nobody foresaw is told and counted, and the work goes on."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import REGISTRY

from runtime import background
from runtime.background import Background


def failures(work: str) -> float | None:
    return REGISTRY.get_sample_value("livecomments_work_failed_total", {"work": work})


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(background, "RESTART_S", 0)


async def test_work_that_fails_begins_again_and_is_counted(at_once):
    began, again = 0, asyncio.Event()

    async def work() -> None:
        nonlocal began
        began += 1
        if began < 3:
            raise LookupError("nobody foresaw this")
        again.set()
        await asyncio.sleep(3_600)

    doing = Background()
    doing.begin("fails twice", work)
    assert failures("fails twice") == 0
    async with asyncio.timeout(10):
        await again.wait()
    assert (began, failures("fails twice")) == (3, 2)
    await doing.stop()


async def test_work_that_is_done_does_not_begin_again():
    began = 0

    async def work() -> None:
        nonlocal began
        began += 1

    doing = Background()
    doing.begin("is done", work)
    async with asyncio.timeout(10):
        await asyncio.wait(doing._tasks)
    assert (began, failures("is done")) == (1, 0)
    await asyncio.sleep(0)
    assert not doing._tasks  # what is done is not kept: some work is begun again and again
    await doing.stop()


async def test_stopping_ends_all_of_it_and_waits_for_that(at_once):
    ended = []

    async def work() -> None:
        try:
            await asyncio.sleep(3_600)
        finally:
            await asyncio.sleep(0)
            ended.append(True)

    doing = Background()
    for name in ("one", "another"):
        doing.begin(name, work)
    await asyncio.sleep(0)
    await doing.stop()
    assert ended == [True, True]
    assert failures("one") == 0
