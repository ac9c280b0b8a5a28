"""Ending a task that lives in a loop, and waiting for what others wait for too.

Up to Python 3.11 `asyncio.wait_for`, which nats-py and asyncpg use too, swallows a cancellation that comes in the
moment in which what it waits for is done (cpython#86296). A loop that goes on then would never end.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TypeVar

T = TypeVar("T")


def end_if_cancelled() -> None:
    """Raise `asyncio.CancelledError` when this task was cancelled before and did not notice; once in every round."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def unharmed(future: asyncio.Future[T]) -> T:
    """Return a future's result, and leave it to others when this task is cancelled.

    As `asyncio.shield` does, in half the time: for a future that is given a result or an exception and is never
    cancelled itself.
    """
    if not future.done():
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.add_done_callback(partial(_wake, waiter))
        await waiter
    return future.result()


def _wake(waiter: asyncio.Future[None], _: object) -> None:
    if not waiter.done():
        waiter.set_result(None)
