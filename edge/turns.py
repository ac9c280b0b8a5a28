"""The same for each of many viewers or videos, a number of them in each turn of the event loop.

What is due for thousands at once, because their tokens end in one second or their videos were opened in one, holds up
neither live comments nor anybody's handshake.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from runtime.background import FAILED
from runtime.logs import get_logger

VIEWERS_AT_ONCE: Final = 256  # written to, or sent away, in one turn of the event loop: some milliseconds
VIDEOS_AT_ONCE: Final = 50  # whose viewers are all written to
LOOKED_AT_AT_ONCE: Final = 2_000  # viewers or videos for which nothing is due

_FAILED: Final = FAILED.labels("turns")

_One = TypeVar("_One")

_log = get_logger("edge")


async def in_turns(them: Iterable[_One], do: Callable[[_One], bool], at_once: int) -> None:
    """Call `do`, which returns whether something was due, for each of those that there are now.

    Others have their turn after `at_once` for which something was. `do` must look itself whether one is still there.
    Where it fails for one, all others have their turn all the same.
    """
    looked_at = acted = failed = 0
    for one in list(them):
        try:
            acted += do(one)
        except Exception:  # noqa: BLE001  whatever it is, it is this one's alone
            acted += 1
            failed += 1
            _FAILED.inc()
            if failed == 1:
                _log.exception("what was due for one of many failed")
        looked_at += 1
        if acted >= at_once or looked_at >= LOOKED_AT_AT_ONCE:
            looked_at = acted = 0
            await asyncio.sleep(0)
    if acted:
        await asyncio.sleep(0)  # whoever goes on may do as much again
