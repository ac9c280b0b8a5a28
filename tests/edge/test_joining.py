"""From a position to live: while a hot video goes on, and for one who does not read."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from edge.channel import PIECE_BYTES
from edge.channels import OpenVideo
from edge.joining import Joining, Position
from edge.messages import Message
from edge.places import AT_ONCE
from edge.replays import MAX_DEPTH, Replays
from edge.shared_replays import SharedReplays
from tests.edge.recording import RecordingViewer
from tests.edge.shard import POSTED_MS, Shard
from tests.edge.test_intake import Opened
from tests.edge.test_sampled_feed import RATE, Sampled
from tests.edge.waiting import until
from wire.comment import encode_payload
from wire.sample import author_mark
from wire.sampling import Sampler

UNMODERATED = SimpleNamespace(hides_any=lambda _: False)
BEFORE = 400  # comments, a thousand a second: nearly all of them are left out of the sample
READS_AT_MOST = 50  # of the store, before somebody is live
DEEP = 3_000  # comments
SMALL_BYTES = 1_000  # what a viewer is written for itself is shorter


async def test_one_who_cares_for_busy_authors_is_live_soon_however_fast_they_post():
    shard = Shard([])
    sampled = Sampled(shard)
    await sampled.open()
    feed, channel = sampled.feed, sampled.channel
    channel.care()

    def post(*numbers: int) -> None:
        """Store comments, and bring their bundle, with what somebody here sees all the same fetched."""
        shard.numbers += numbers
        bundle = sampled.bundle(feed.newest, list(numbers))
        cared_for = channel.cared_for
        assert cared_for is not None
        fetched = {
            number: Message(number, None, POSTED_MS + number, encode_payload("u", f"m{number}"))
            for number, mark in bundle.left_out
            if mark in cared_for
        }
        feed.take_bundle(bundle, fetched)

    def one_more() -> None:
        assert shard.asked < READS_AT_MOST, "it is replayed again and again"
        post(shard.numbers[-1] + 1)

    post(*range(1, BEFORE))
    replays = Replays(shard, shard, ())  # type: ignore[arg-type]
    shared = SharedReplays(replays, lambda: Sampler(RATE), is_shared=True)
    joining = Joining(shared, UNMODERATED, MAX_DEPTH)  # type: ignore[arg-type]
    author = RecordingViewer("u")
    video, position = OpenVideo(channel, feed), Position(1, given=True)
    assert not joining.join_now(author, video, position), "the ring lacks what is its own"
    shard.asked, shard.before_each = 0, one_more
    await joining.join(author, video, position)
    assert author.numbers == shard.numbers[1:]
    assert author.told("sync") == [{"resumed": True, "replayed": len(shard.numbers) - 1, "complete": True}]
    post(shard.numbers[-1] + 1)
    await sampled.settle()
    assert author.numbers == shard.numbers[1:], "it is counted on while it watches"
    author.gone()
    assert author_mark("u") not in channel.cared_for, "and no longer"


async def test_one_who_does_not_read_is_brought_back_out_of_memory_piece_by_piece_and_misses_nothing():
    shard = Shard([1])
    opened = Opened(shard)
    await opened.open()
    newest = 1
    while opened.channel.ring.size_after(1) < 2 * PIECE_BYTES:
        newest += 1
        shard.numbers.append(newest)
        await opened.copies.bring(newest, newest - 1)
    await opened.settle()
    replays = Replays(shard, shard, ())  # type: ignore[arg-type]
    joining = Joining(SharedReplays(replays, lambda: None, is_shared=True), UNMODERATED, MAX_DEPTH)  # type: ignore[arg-type]
    viewer = RecordingViewer("u")
    viewer.room_bytes = 10
    video, position = OpenVideo(opened.channel, opened.feed), Position(1, given=True)
    assert not joining.join_now(viewer, video, position)
    task = asyncio.create_task(joining.join(viewer, video, position))
    await until(lambda: viewer.paused_since is not None)
    assert sum(map(len, viewer.pieces)) <= PIECE_BYTES
    await opened.copies.bring(newest + 1, newest)  # meanwhile
    shard.numbers.append(newest + 1)
    viewer.drain()
    await task
    await opened.settle()
    assert viewer.numbers == shard.numbers[1:]
    assert [event.name for event in viewer.events if event.name != "message"] == ["sync"]
    assert viewer.told("sync")[0]["complete"] is True


async def deep_replays(count: int) -> tuple[Joining, OpenVideo, list[RecordingViewer], Shard]:
    """A video whose ring holds nothing of what it has, and viewers who have seen its first comment only."""
    shard = Shard(list(range(1, DEEP)))
    opened = Opened(shard)
    await opened.open()
    replays = Replays(shard, shard, ())  # type: ignore[arg-type]
    joining = Joining(SharedReplays(replays, lambda: None, is_shared=True), UNMODERATED, MAX_DEPTH)  # type: ignore[arg-type]
    return joining, OpenVideo(opened.channel, opened.feed), [RecordingViewer(f"u{n}") for n in range(count)], shard


async def test_viewers_who_come_back_share_the_very_bytes_of_a_deep_replay():
    joining, video, viewers, shard = await deep_replays(5)
    await asyncio.gather(*(joining.join(viewer, video, Position(1, given=True)) for viewer in viewers))
    for viewer in viewers:
        assert viewer.numbers == shard.numbers[1:]
    written = [{id(piece) for piece in viewer.pieces if len(piece) > SMALL_BYTES} for viewer in viewers]
    assert written[0]
    assert all(one == written[0] for one in written)


async def test_viewers_who_do_not_read_keep_nobody_from_a_deep_replay():
    joining, video, viewers, shard = await deep_replays(2 * AT_ONCE)
    stuck, reading = viewers[:AT_ONCE], viewers[AT_ONCE:]
    for viewer in stuck:
        viewer.room_bytes = 10
    tasks = [asyncio.create_task(joining.join(viewer, video, Position(1, given=True))) for viewer in viewers]
    async with asyncio.timeout(10):
        await asyncio.gather(*tasks[AT_ONCE:])
    assert all(viewer.numbers == shard.numbers[1:] for viewer in reading)
    assert all(sum(map(len, viewer.pieces)) <= 2 * PIECE_BYTES for viewer in stuck), "one chunk each is on its way"
    for viewer in stuck:
        viewer.drain()
    async with asyncio.timeout(10):
        await asyncio.gather(*tasks)
    assert all(viewer.numbers == shard.numbers[1:] for viewer in stuck)
