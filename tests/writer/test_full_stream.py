"""A stream that holds as many bytes as it may."""

from __future__ import annotations

import asyncio

import pytest

from runtime import jetstream
from tests.writer.conftest import outcomes, stored
from wire import subjects
from writer.entry import Kept, NotKept

STREAM_BYTES = 1024**2


@pytest.fixture(scope="module")
def settings(make_settings):
    return make_settings(stream_bytes=STREAM_BYTES)


async def test_a_full_stream_refuses_at_once_and_loses_nothing_it_acknowledged(
    start_batcher, reader, connection, videos
):
    batcher, video = await start_batcher(hold_s=30), videos()
    kept, refused = [], 0
    async with asyncio.timeout(20):  # far less than comments are held: a full store is an answer
        while refused < 300:
            results = await outcomes([batcher.post("x" * 400, key=f"{len(kept)}-{n}", video=video) for n in range(100)])
            assert {result.code for result in results if isinstance(result, NotKept)} <= {"store_full"}
            kept += [result.number for result in results if isinstance(result, Kept)]
            refused += sum(isinstance(result, NotKept) for result in results)

        # Singles fill up what a batch found no room for.
        (single,) = await outcomes([batcher.post("x" * 400, video=video)])
        while isinstance(single, Kept):
            kept.append(single.number)
            (single,) = await outcomes([batcher.post("x" * 400, video=video)])
        assert single == NotKept("store_full")

    assert [message.number for message in await stored(reader, 0, video)] == kept

    # Room again: the archiver trims.
    await jetstream.api(connection, f"STREAM.PURGE.{subjects.stream_name(0)}", {"seq": kept[len(kept) // 2]})
    (after,) = await outcomes([batcher.post("room", video=video)])
    assert after.number > kept[-1]
