"""Waiting for what can only be looked at again and again."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable

LOOK_AGAIN_S = 0.05


async def until(condition: Callable[[], bool | Awaitable[bool]], within_s: float = 30) -> None:
    """Wait until a condition holds; fails when it does not in time."""
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + within_s
    while True:
        holds = condition()
        if await holds if inspect.isawaitable(holds) else holds:
            return
        assert loop.time() < give_up_at, f"not within {within_s} s: {inspect.getsource(condition).strip()}"
        await asyncio.sleep(LOOK_AGAIN_S)
