"""Reads that are the same share one: whoever asks while one is under way waits for the next, which begins after that.

So a page that a thousand people ask for at once is read twice, and what was answered with 201 before a page was asked
for is on it. What no longer changes but by a deletion, a page behind a cursor, may be a second old.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

SETTLED_S: Final = 1.0  # for which a page that is settled is not read again
MAX_SETTLED_BYTES: Final = 16 * 1024 * 1024

T = TypeVar("T")


class SharedReads(Generic[T]):
    """Reads by key. `size` says how many bytes a result takes."""

    def __init__(self, size: Callable[[T], int]) -> None:
        self._size = size
        self._under_way: dict[Hashable, asyncio.Task[T]] = {}
        self._next: dict[Hashable, asyncio.Task[T]] = {}
        self._settled: OrderedDict[Hashable, tuple[float, T]] = OrderedDict()  # until when each is good
        self._settled_bytes = 0

    async def get(self, key: Hashable, read: Callable[[], Awaitable[T]], *, settled: bool) -> T:
        """Return the result of a read that begins now or later; or, of what is `settled`, at most a second ago."""
        if settled:
            held = self._settled.get(key)
            if held is not None and held[0] > asyncio.get_running_loop().time():
                return held[1]
        if (queued := self._next.get(key)) is not None:
            task = queued
        elif key not in self._under_way:
            task = self._begin(key, read, None)
        else:
            task = self._next[key] = asyncio.create_task(self._after(key, read))
        # Others may wait for the same one: a client that leaves takes nothing from them.
        found = await asyncio.shield(task)
        if settled:
            self._keep(key, found)
        return found

    def _begin(self, key: Hashable, read: Callable[[], Awaitable[T]], task: asyncio.Task[T] | None) -> asyncio.Task[T]:
        if task is None:
            task = asyncio.create_task(_run(read))
        self._under_way[key] = task
        task.add_done_callback(lambda done: self._ended(key, done))
        return task

    def _ended(self, key: Hashable, task: asyncio.Task[T]) -> None:
        if self._under_way.get(key) is task:
            del self._under_way[key]
        if not task.cancelled():
            task.exception()  # whoever waits for it has it; nobody may be left

    async def _after(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        before = self._under_way.get(key)  # none: it ended before this had begun
        if before is not None:
            await asyncio.wait({before})
        this = self._next.pop(key)
        self._begin(key, read, this)
        return await read()

    def _keep(self, key: Hashable, found: T) -> None:
        if (old := self._settled.pop(key, None)) is not None:
            self._settled_bytes -= self._size(old[1])
        self._settled[key] = asyncio.get_running_loop().time() + SETTLED_S, found
        self._settled_bytes += self._size(found)
        while self._settled_bytes > MAX_SETTLED_BYTES:
            _, (_, dropped) = self._settled.popitem(last=False)
            self._settled_bytes -= self._size(dropped)


async def _run(read: Callable[[], Awaitable[T]]) -> T:
    return await read()
