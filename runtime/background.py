"""The work of a part that no request waits for: it goes on for as long as the part lives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Final

from prometheus_client import Counter

from runtime.cancelling import end_if_cancelled
from runtime.logs import get_logger

RESTART_S: Final = 1.0
STOP_TIMEOUT_S: Final = 2.0

FAILED = Counter("livecomments_work_failed_total", "Times that work in the background failed and began again", ["work"])

Work = Callable[[], Coroutine[None, None, None]]

_log = get_logger("background")


class Background:
    """Tasks by name. Each handles what can be foreseen itself; whatever else ends one is told, and it begins again.

    Without that, a part whose one task has died would look healthy, and never do that work again.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, name: str, work: Work) -> None:
        """Do `work` until it returns; when it raises, once more after `RESTART_S`."""
        FAILED.labels(name)  # so that it is there, as 0
        task = asyncio.create_task(_until_done(name, work), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Cancel all of it, and wait until it has ended, up to `timeout_s`."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_s)


async def _until_done(name: str, work: Work) -> None:
    while True:
        end_if_cancelled()
        try:
            await work()
        except Exception:  # noqa: BLE001  whatever it was: somebody relies on this work
            FAILED.labels(name).inc()
            _log.exception("work in the background failed, and begins again", work=name)
            await asyncio.sleep(RESTART_S)
        else:
            return
