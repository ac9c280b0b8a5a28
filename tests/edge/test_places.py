"""Replays are written a few at a time, and whoever does not read holds nobody up."""

from __future__ import annotations

import asyncio

import pytest

from edge import places
from edge.places import Places


async def hold(all_of_them: Places, taken: list[int], number: int, until: asyncio.Event) -> None:
    with all_of_them.one() as place:
        await place.take()
        taken.append(number)
        await until.wait()


async def several_turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_as_many_hold_a_place_as_there_are_and_the_others_follow_in_their_order():
    all_of_them, taken, until = Places(2), [], [asyncio.Event() for _ in range(5)]
    tasks = [asyncio.create_task(hold(all_of_them, taken, number, until[number])) for number in range(5)]
    await several_turns()
    assert taken == [0, 1]
    until[1].set()
    await several_turns()
    assert taken == [0, 1, 2]
    for one in until:
        one.set()
    await asyncio.gather(*tasks)
    assert taken == [0, 1, 2, 3, 4]


async def test_one_who_waits_long_gives_its_place_to_others_and_holds_one_again_afterwards(monkeypatch):
    monkeypatch.setattr(places, "PATIENCE_S", 0.001)
    all_of_them, drained, other_held = Places(1), asyncio.Event(), asyncio.Event()
    order: list[str] = []

    async def slow() -> None:
        with all_of_them.one() as place:
            await place.take()
            await place.patiently(drained.wait())
            assert place.is_held
            order.append("slow")

    async def other() -> None:
        with all_of_them.one() as place:
            await place.take()
            order.append("other")
            drained.set()
            await several_turns()
            other_held.set()

    async with asyncio.timeout(5):
        await asyncio.gather(slow(), other())
    assert order == ["other", "slow"]
    assert other_held.is_set()


async def test_a_place_is_free_again_after_whatever_was_waited_for_has_failed(monkeypatch):
    monkeypatch.setattr(places, "PATIENCE_S", 0.001)

    async def fail(after_s: float) -> None:
        await asyncio.sleep(after_s)
        raise LookupError

    all_of_them = Places(1)

    async def wait_in_vain(after_s: float) -> None:
        with all_of_them.one() as place:
            await place.take()
            await place.patiently(fail(after_s))

    for after_s in (0, 0.01):  # while it is held, and after it was given up
        with pytest.raises(LookupError):
            await wait_in_vain(after_s)
    taken, until = [], asyncio.Event()
    tasks = [asyncio.create_task(hold(all_of_them, taken, number, until)) for number in range(2)]
    await several_turns()
    assert taken == [0], "it is free once, and not twice"
    until.set()
    await asyncio.gather(*tasks)


async def test_one_who_holds_no_place_takes_none_by_waiting():
    with Places().one() as place:
        await place.patiently(asyncio.sleep(0))
        assert not place.is_held
