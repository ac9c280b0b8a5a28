"""Ending a task that lives in a loop.

Up to Python 3.11 `asyncio.wait_for`, which nats-py and asyncpg use too, swallows a cancellation that comes in the
moment in which what it waits for is done (cpython#86296). A loop that goes on then would never end.
"""

from __future__ import annotations

import asyncio


def end_if_cancelled() -> None:
    """Raise `asyncio.CancelledError` when this task was cancelled before and did not notice; once in every round."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
