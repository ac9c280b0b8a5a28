"""What came in the seconds before a place in a video, counted, so that a sampler chooses what all others choose."""

from __future__ import annotations

import time
from typing import Final

from edge.replays import Replays
from wire.sampling import Sampler, window_begin_ms

MAX_COUNTED: Final = 20_000  # messages: where there are more, next to nothing is shown either way
LONG_AGO_MS: Final = 10_000  # by this machine's clock, which may differ from JetStream's by less


async def count_preceding(
    sampler: Sampler, replays: Replays, shard: int, video: str, upto: int, posted_ms: int
) -> None:
    """Have a sampler count what was stored before `posted_ms` and matters then, up to the number `upto`, and no more.

    Raises `StoreError`.
    """
    times = await replays.times(shard, video, upto, window_begin_ms(posted_ms), MAX_COUNTED)
    sampler.forget()
    for at_ms in times:
        sampler.count(at_ms)


async def count_newest(sampler: Sampler, replays: Replays, shard: int, video: str, newest: int) -> None:
    """Have a sampler count what matters for the message that follows a video's newest. Raises `StoreError`."""
    posted_ms = await replays.stored_at(shard, video, newest) if newest else None
    if posted_ms is not None and time.time() * 1000 - posted_ms < LONG_AGO_MS:
        await count_preceding(sampler, replays, shard, video, newest, posted_ms)
