"""An edge that is restarted under thousands of viewers."""

from __future__ import annotations

import asyncio
import signal
import statistics
import time

from tests.edge.waiting import until
from tests.edge.watchers import Watcher, open_watchers

ON_THE_EDGE = 5_000
ON_THE_OTHER = 200
EVERY_S = 0.25
BACK_WITHIN_S = 60
LONGEST_S = 2.0  # that a comment may take to those who are to notice nothing, on a machine that is busy with all this


class HeldUp:
    """For how long, at most, this test's own process could not look at what came: it is thousands of viewers."""

    def __init__(self) -> None:
        self.longest_s = 0.0

    async def watch(self) -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.01)
            self.longest_s = max(self.longest_s, time.monotonic() - began)


def all_have(watchers: list[Watcher], number: int) -> bool:
    return all(watcher.numbers and watcher.numbers[-1] >= number for watcher in watchers)


async def test_an_edge_is_restarted_under_5000_viewers_who_miss_nothing_and_those_of_the_other_notice_nothing(
    start_edge, store, video, token
):
    edge, other = start_edge(), start_edge()
    watching = await open_watchers(ON_THE_OTHER, video, token, [other.port])
    moving = await open_watchers(ON_THE_EDGE, video, token, [edge.port, edge.port, other.port])
    everyone = [*watching, *moving]
    await until(lambda: all(watcher.is_live for watcher in everyone), BACK_WITHIN_S)
    assert edge.metric("livecomments_viewers") == ON_THE_EDGE
    posted: dict[int, float] = {}

    everybody_is_back = asyncio.Event()

    async def post() -> None:
        while not everybody_is_back.is_set():  # cancelled, it would not know of one that was stored
            posted[await store.post(video)] = time.monotonic()
            await asyncio.sleep(EVERY_S)

    posting = asyncio.create_task(post())
    held_up = HeldUp()
    holding = asyncio.create_task(held_up.watch())
    try:
        await until(lambda: len(posted) > 1)
        edge.tell(signal.SIGTERM)
        assert await asyncio.to_thread(edge.wait, 30) == 0
        edge.kill()  # it has ended; now it can be started again
        await asyncio.to_thread(edge.start)
        await until(lambda: all(watcher.ended and watcher.is_live for watcher in moving), BACK_WITHIN_S)
        everybody_is_back.set()
        await posting
        last = await store.post(video)
        await until(lambda: all_have(everyone, last), BACK_WITHIN_S)
        expected = [*posted, last]
        for watcher in everyone:
            assert watcher.numbers == expected
            assert watcher.incomplete == 0
        assert not any(watcher.ended for watcher in watching)
        delays = [watcher.came_at[number] - at for watcher in watching for number, at in posted.items()]
        assert statistics.median(delays) < 0.2 + held_up.longest_s
        assert max(delays) < LONGEST_S + held_up.longest_s
        assert other.metric("livecomments_viewers") > ON_THE_OTHER
        both = edge.metric("livecomments_viewers") + other.metric("livecomments_viewers")
        assert both == ON_THE_EDGE + ON_THE_OTHER
        # How many of them found the edge started again depends on how long that took; it takes viewers in, at any rate.
        everyone += await open_watchers(1, video, token, [edge.port])
        await until(lambda: everyone[-1].is_live)
    finally:
        posting.cancel()
        holding.cancel()
        for watcher in everyone:
            watcher.close()
