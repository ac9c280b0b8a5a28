"""Handshakes begin a few in each turn of the event loop, in their order, and nothing else waits for them."""

from __future__ import annotations

import asyncio

from edge.turnstile import PER_TURN, Turnstile

STREAM = {"type": "http", "path": "/comments/v/stream"}


async def test_a_crowd_is_let_through_a_few_in_each_turn_and_in_its_order():
    turn, begun = 0, []

    async def app(scope, receive, send) -> None:
        begun.append((turn, receive))

    turnstile = Turnstile(app)
    crowd = [asyncio.create_task(turnstile(STREAM, number, None)) for number in range(10 * PER_TURN)]
    while not all(task.done() for task in crowd):
        await asyncio.sleep(0)
        turn += 1
    assert [number for _, number in begun] == list(range(10 * PER_TURN))
    turns = [at for at, _ in begun]
    assert max(turns.count(at) for at in set(turns)) <= PER_TURN
    assert len(set(turns)) <= 12


async def test_other_requests_do_not_wait_behind_a_crowd():
    done = []

    async def app(scope, receive, send) -> None:
        done.append(scope["path"])

    turnstile = Turnstile(app)
    crowd = [asyncio.create_task(turnstile(STREAM, None, None)) for _ in range(10 * PER_TURN)]
    health = asyncio.create_task(turnstile({"type": "http", "path": "/readyz"}, None, None))
    await health
    assert len(done) <= PER_TURN + 1
    await asyncio.gather(*crowd)


async def test_one_who_gives_up_takes_nobody_s_place():
    begun = []

    async def app(scope, receive, send) -> None:
        begun.append(receive)

    turnstile = Turnstile(app)
    crowd = [asyncio.create_task(turnstile(STREAM, number, None)) for number in range(3 * PER_TURN)]
    await asyncio.sleep(0)
    crowd[-1].cancel()
    await asyncio.wait(crowd)
    assert begun == list(range(3 * PER_TURN - 1))
    await asyncio.wait_for(turnstile(STREAM, "later", None), 1)
    assert begun[-1] == "later"
