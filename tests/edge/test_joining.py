"""From a position to live: while a hot video goes on, and for one who does not read."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import edge.joining
from edge import places
from edge.channel import PIECE_BYTES
from edge.channels import OpenVideo
from edge.joining import Joining, Position
from edge.messages import Message
from edge.places import AT_ONCE, Places
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

UNMODERATED = SimpleNamespace(hides_any=lambda _: False, version=lambda _: 0)
BEFORE = 400  # comments, a thousand a second: nearly all of them are left out of the sample
READS_AT_MOST = 50  # of the store, before somebody is live
DEEP = 1_500  # comments
EARLY = 100  # in the first piece of them
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


async def deep_replays(
    count: int, moderation: Any = UNMODERATED, rate: float = 0
) -> tuple[Joining, OpenVideo, list[RecordingViewer], Shard]:
    """A video whose ring holds nothing of what it has, and viewers who have seen its first comment only."""
    shard = Shard(list(range(1, DEEP)))
    opened = Opened(shard)
    await opened.open()
    replays = Replays(shard, shard, ())  # type: ignore[arg-type]
    shared = SharedReplays(replays, lambda: Sampler(rate) if rate else None, is_shared=True)
    joining = Joining(shared, moderation, MAX_DEPTH)
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


async def test_what_is_removed_while_viewers_stand_in_line_with_a_piece_is_written_to_none_of_them(monkeypatch):
    monkeypatch.setattr(edge.joining, "Places", lambda: Places(1))
    removed: set[int] = set()
    moderation = SimpleNamespace(
        version=lambda _: len(removed),
        hides_any=lambda _: bool(removed),
        hides=lambda _, message: message.number in removed,
    )
    joining, video, _, shard = await deep_replays(0, moderation)
    read = shard.after

    async def read_slowly(*asked: Any) -> Any:
        monkeypatch.setattr(shard, "after", read)
        await asyncio.sleep(0.15)  # one has lost its place by then, and another one has not
        return await read(*asked)

    monkeypatch.setattr(places, "PATIENCE_S", 0.1)
    monkeypatch.setattr(shard, "after", read_slowly)

    class Watched(RecordingViewer):
        def send(self, data: bytes) -> None:
            super().send(data)
            if not removed and len(data) > SMALL_BYTES:  # the first of them has its first chunk
                removed.add(EARLY)
                video.pieces.clear()

    viewers = [Watched(f"u{n}") for n in range(3)]
    async with asyncio.timeout(20):
        await asyncio.gather(*(joining.join(viewer, video, Position(1, given=True)) for viewer in viewers))
    assert sorted(EARLY in viewer.numbers for viewer in viewers) == [False, False, True]
    for viewer in viewers:
        assert [n for n in shard.numbers[1:] if n != EARLY] == [n for n in viewer.numbers if n != EARLY]


async def test_of_one_piece_each_gets_what_it_is_shown_whoever_is_written_to_first():
    for order in (1, -1):
        joining, video, _, shard = await deep_replays(0, rate=RATE)
        author, reader = RecordingViewer("u"), RecordingViewer("somebody")
        for viewer in (author, reader)[::order]:
            await joining.join(viewer, video, Position(1, given=True))
        assert author.numbers == shard.numbers[1:], "all are its own"
        assert 0 < len(reader.numbers) < len(author.numbers), "others are shown a sample"
