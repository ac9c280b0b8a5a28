"""What an edge counts of its work, by the names that dashboards and alerts go by, and with what they say."""

from __future__ import annotations

import pytest

from tests.edge.edge_process import EdgeProcess
from tests.edge.waiting import until

VIEWERS = 3
COUNT = 200


@pytest.fixture(scope="module")
def edge(start_edge) -> EdgeProcess:
    return start_edge(linger_s=0)


async def test_writing_to_viewers_is_counted_in_rounds_writes_comments_and_bytes_and_timed(edge, store, video, viewers):
    streams = [await viewers.watch(edge, video) for _ in range(VIEWERS)]
    # What each is told of the others is written as well, but is no comment.
    assert edge.metric("livecomments_flushes_total") == edge.metric("livecomments_flushed_comments_total") == 0
    assert edge.metric("livecomments_stored_to_written_seconds_count") == 0
    numbers = await store.post_many(video, COUNT)
    for stream in streams:
        await stream.has(numbers[-1])
    await until(lambda: edge.metric("livecomments_comments_total", milestone="delivered") == VIEWERS * COUNT)
    flushes, writes = (edge.metric(f"livecomments_{what}_total") for what in ("flushes", "writes"))
    assert edge.metric("livecomments_flushed_comments_total") == COUNT
    assert 1 <= flushes < COUNT, "comments that were stored at once share writes: that is the coalescing factor"
    assert VIEWERS * flushes <= writes < VIEWERS * COUNT
    came = sum(len(piece) for stream in streams for piece in stream.pieces)
    assert VIEWERS * COUNT * len("hello") < edge.metric("livecomments_written_bytes_total") <= came
    await until(lambda: edge.metric("livecomments_stored_to_written_seconds_count") == flushes)
    assert 0 <= edge.metric("livecomments_stored_to_written_seconds_sum") < 10 * flushes
    assert edge.metric("livecomments_stored_to_written_seconds_bucket", le="+Inf") == flushes


async def test_replays_are_counted_by_where_they_came_from(edge, store, video, viewers):
    sources = ("ring", "stream", "history")
    before = {source: edge.metric("livecomments_replays_total", source=source) for source in sources}
    numbers = await store.post_many(video, 20)
    await viewers.watch(edge, video, numbers[4])
    after = {source: edge.metric("livecomments_replays_total", source=source) for source in sources}
    assert after == {**before, "stream": before["stream"] + 1}
    numbers.append(await store.post(video))
    again = await viewers.watch(edge, video, numbers[-2])
    assert again.numbers == numbers[-1:]
    after["ring"] += 1
    assert {source: edge.metric("livecomments_replays_total", source=source) for source in sources} == after
    assert edge.metric("livecomments_replayed_comments_total") == 15 + 1


async def test_how_late_the_event_loop_runs_is_measured_all_the_time(edge):
    before = edge.metric("livecomments_loop_lag_seconds_count")
    await until(lambda: edge.metric("livecomments_loop_lag_seconds_count") > before)
    assert edge.metric("livecomments_loop_lag_seconds_sum") >= 0
