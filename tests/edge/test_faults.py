"""Live copies that are lost, connections that are cut or go silent, a NATS server that dies: no viewer misses anything.

The edge of this module talks to its nats-server through a proxy that loses what it is told to lose.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from runtime import jetstream
from tests.conftest import provide_streams
from tests.edge.conftest import Store, Viewers, viewers_with
from tests.edge.edge_process import EdgeProcess
from tests.edge.stream import Stream
from tests.edge.waiting import until
from tests.proxy import NatsProxy, nothing
from tests.servers import NatsServer
from wire import subjects

FOUND_WITHIN_S = 2.0  # a lost copy, even when it was the last one
BUSY_S = 1.5  # on top, for a machine that does other things
AWAY_S = 30.0  # so long that every wait for an answer, every retry and a heartbeat lie within it


@pytest.fixture(scope="module")
def edge(start_edge: Callable[..., EdgeProcess], nats_proxy: NatsProxy) -> EdgeProcess:
    return start_edge(nats_url=nats_proxy.url, linger_s=0.5, heartbeat_s=1)


@pytest.fixture(autouse=True)
def whole_again(nats_proxy: NatsProxy) -> Iterator[None]:
    yield
    nats_proxy.lose(nothing)
    nats_proxy.resume()
    nats_proxy.restore()


@dataclass(frozen=True)
class Gone:
    """A NATS server that was killed `at`, and what is there of it: edges of its own, and their viewers."""

    server: NatsServer
    at: float
    edges: list[EdgeProcess]
    store: Store
    viewers: Viewers
    numbers: list[int]
    streams: list[Stream]
    late: list[Stream]  # of those who came after it was killed, from the fifth number on


@pytest.fixture(scope="module", autouse=True)
async def gone(make_settings, start_edge, tokens, tmp_path_factory) -> AsyncIterator[Gone]:
    """The half a minute for which it is away goes by while the other tests of this file run."""
    server, video = NatsServer(tmp_path_factory.mktemp("gone")), "gone"
    server.start()
    async with AsyncExitStack() as stack:
        stack.callback(server.kill)
        settings = make_settings(nats_url=server.url)
        await provide_streams(settings)
        connection = await jetstream.connect(settings, "test")
        stack.push_async_callback(jetstream.close, connection)
        viewers = await stack.enter_async_context(viewers_with(tokens.issue("viewer-1", 3600)))
        edges = [start_edge(kind, nats_url=server.url) for kind in ("handover", "streamed")]
        store = Store(connection, settings.shards)
        streams = [await viewers.watch(edge, video) for edge in edges for _ in range(5)]
        numbers = await store.post_many(video, 10)
        for stream in streams:
            await stream.has(numbers[-1])
        server.kill()
        at = time.monotonic()
        late = [await viewers.watch(edge, video, numbers[4], synced=False) for edge in edges]
        yield Gone(server, at, edges, store, viewers, numbers, streams, late)


class Losing:
    """Loses the next live copies of a video."""

    def __init__(self, store, video: str, count: int) -> None:
        self.subject = subjects.live(store.shard(video), video)
        self.left = count

    def __call__(self, subject: str, message: bytes) -> bool:
        if subject != self.subject or self.left == 0:
            return False
        self.left -= 1
        return True


async def test_a_lost_copy_is_found_with_the_next_one(edge, nats_proxy, store, video, viewers):
    stream = await viewers.watch(edge, video)
    first = await store.post(video)
    await stream.has(first)
    nats_proxy.lose(Losing(store, video, 1))
    lost = await store.post(video)
    after = await store.post(video)
    await stream.has(after, FOUND_WITHIN_S + BUSY_S)
    assert stream.numbers == [first, lost, after]
    assert len(nats_proxy.lost) >= 1


async def test_a_lost_last_copy_is_found_within_two_seconds(edge, nats_proxy, store, video, viewers):
    stream = await viewers.watch(edge, video)
    first = await store.post(video)
    await stream.has(first)
    await asyncio.sleep(1.2)  # the video is known to be quiet: nothing makes the edge look at it but the loss itself
    nats_proxy.lose(Losing(store, video, 1))
    lost = await store.post(video)
    began = time.monotonic()
    await stream.has(lost, FOUND_WITHIN_S + BUSY_S)
    assert stream.numbers == [first, lost]
    assert time.monotonic() - began < FOUND_WITHIN_S + BUSY_S


async def test_a_lost_last_copy_of_a_busy_video_is_found(edge, nats_proxy, store, video, viewers):
    stream = await viewers.watch(edge, video)
    numbers = [await store.post(video) for _ in range(20)]
    nats_proxy.lose(Losing(store, video, 1))
    numbers.append(await store.post(video))
    await stream.has(numbers[-1], FOUND_WITHIN_S + BUSY_S)
    assert stream.numbers == numbers


async def test_a_lost_first_copy_right_after_a_video_was_opened_is_found(edge, nats_proxy, store, video, viewers):
    nats_proxy.lose(Losing(store, video, 1))
    stream = await viewers.watch(edge, video)
    lost = await store.post(video)
    await stream.has(lost, FOUND_WITHIN_S + BUSY_S)
    assert stream.numbers == [lost]


async def test_lost_copies_are_found_in_the_middle_of_other_videos_that_are_busy(
    edge, nats_proxy, store, video, viewers
):
    quiet = [f"{video}-{place}" for place in range(20)]
    streams = [await viewers.watch(edge, one) for one in quiet]
    busy = await viewers.watch(edge, video)
    losing = [Losing(store, one, 1) for one in quiet]
    nats_proxy.lose(lambda subject, message: any(one(subject, message) for one in losing))
    lost = [await store.post(one) for one in quiet]

    async def keep_busy() -> None:
        while True:
            await store.post(video)
            await asyncio.sleep(0.05)

    posting = asyncio.create_task(keep_busy())
    try:
        for stream, number in zip(streams, lost, strict=True):
            await stream.has(number, FOUND_WITHIN_S + BUSY_S)
    finally:
        posting.cancel()
    assert busy.numbers == sorted(set(busy.numbers))


async def test_when_most_copies_are_lost_the_stream_is_whole_all_the_same(edge, nats_proxy, store, video, viewers):
    stream = await viewers.watch(edge, video)
    subject = subjects.live(store.shard(video), video)
    nats_proxy.lose(lambda at, message: at == subject and message[-3] % 3 != 0)
    numbers: list[int] = []
    for round_ in range(10):
        numbers += await store.post_many(video, 37, f"round {round_}")
    nats_proxy.lose(nothing)
    await stream.has(numbers[-1], FOUND_WITHIN_S + BUSY_S)
    assert stream.numbers == numbers
    assert len(nats_proxy.lost) > 50


async def test_a_part_of_an_answer_that_is_lost_is_not_taken_for_the_whole(edge, nats_proxy, store, video, viewers):
    before = await store.post(video)
    numbers = await store.post_many(video, 40)
    lost = 0

    def lose_one(subject: str, message: bytes) -> bool:
        nonlocal lost
        if lost == 0 and subject.startswith("_INBOX") and b"Nats-Sequence: %d\r\n" % numbers[20] in message:
            lost += 1
            return True
        return False

    nats_proxy.lose(lose_one)
    stream = await viewers.watch(edge, video, before)
    assert lost == 1
    assert stream.numbers == numbers
    assert stream.told("sync")[0]["complete"] is True


@pytest.mark.parametrize("name", ["edge-live", "edge-replay", None], ids=["live", "replays", "both"])
async def test_a_connection_that_is_reset_is_taken_up_again(edge, nats_proxy, store, video, viewers, name):
    stream = await viewers.watch(edge, video)
    numbers = [await store.post(video)]
    nats_proxy.reset(name)
    numbers += await store.post_many(video, 50)
    await stream.has(numbers[-1], 5)
    numbers.append(await store.post(video))
    await stream.has(numbers[-1])
    assert stream.numbers == numbers


async def test_a_connection_cut_for_seconds_costs_no_viewer_and_no_comment(edge, nats_proxy, store, video, viewers):
    streams = [await viewers.watch(edge, video) for _ in range(5)]
    numbers = [await store.post(video)]
    await streams[0].has(numbers[0])
    nats_proxy.cut()
    # More than a ring holds: it is filled no faster than the viewers are written to.
    numbers += await store.post_many(video, 3_000)
    newcomer = await viewers.watch(edge, video, numbers[-10], synced=False)
    await newcomer.until(lambda: newcomer.pieces.count(b":\n\n") >= 2)  # told that somebody is there
    assert newcomer.status == 200
    nats_proxy.restore()
    for stream in streams:
        await stream.has(numbers[-1])
    numbers.append(await store.post(video))
    for stream in streams:
        await stream.has(numbers[-1])
        assert stream.numbers == numbers
        assert not stream.told("skipped")
    assert (await newcomer.synced())["complete"] is True
    await newcomer.has(numbers[-1])
    assert newcomer.numbers == numbers[-10:]


async def test_a_server_that_goes_silent_is_noticed_and_nothing_is_missed(edge, nats_proxy, store, video, viewers):
    stream = await viewers.watch(edge, video)
    numbers = [await store.post(video)]
    await stream.has(numbers[0])
    nats_proxy.silence()
    numbers += await store.post_many(video, 100)
    before = edge.metric("livecomments_nats_disconnects_total")
    await until(lambda: edge.metric("livecomments_nats_disconnects_total") >= before + 2, 15)
    nats_proxy.reset()
    nats_proxy.resume()
    await stream.has(numbers[-1])
    numbers.append(await store.post(video))
    await stream.has(numbers[-1])
    assert stream.numbers == numbers


async def test_a_nats_server_that_is_killed_and_started_again_costs_nothing(
    edge, nats_server: NatsServer, store, video, viewers
):
    stream = await viewers.watch(edge, video)
    numbers = await store.post_many(video, 10)
    await stream.has(numbers[-1])
    nats_server.kill()
    newcomer = await viewers.watch(edge, video, numbers[4], synced=False)
    assert newcomer.status == 200
    await asyncio.to_thread(nats_server.start)
    numbers += [await store.post_when_back(video) for _ in range(20)]
    for one in (stream, newcomer):
        await one.has(numbers[-1])
    assert stream.numbers == numbers
    assert newcomer.numbers == numbers[5:]
    assert not stream.ended


async def test_an_edge_without_nats_takes_viewers_and_brings_them_to_live_when_it_is_back(
    edge, nats_proxy, store, video, viewers
):
    numbers = await store.post_many(video, 10)
    nats_proxy.cut()
    streams = [await viewers.watch(edge, video, numbers[3], synced=False) for _ in range(3)]
    fresh = await viewers.watch(edge, f"{video}-new", synced=False)
    nats_proxy.restore()
    for stream in streams:
        assert (await stream.synced())["complete"] is True
        assert stream.numbers == numbers[4:]
    await fresh.synced()


async def test_the_edge_is_subscribed_to_videos_with_viewers_and_to_no_other(edge, nats_proxy, store, video, viewers):
    subject = subjects.live(store.shard(video), video)
    assert subject not in nats_proxy.subscriptions()
    streams = [await viewers.watch(edge, video) for _ in range(3)]
    await until(lambda: subject in nats_proxy.subscriptions())
    for stream in streams[:2]:
        stream.close()
    await until(lambda: edge.metric("livecomments_viewers") == 1)
    await asyncio.sleep(0.7)  # longer than this edge keeps a video without viewers
    # On a busy machine its connection may just be made anew; what it let go of it would not be subscribed to again.
    await until(lambda: subject in nats_proxy.subscriptions())
    streams[2].close()
    await until(lambda: subject not in nats_proxy.subscriptions())
    await until(lambda: edge.metric("livecomments_videos") == 0)
    stream = await viewers.watch(edge, video)
    number = await store.post(video)
    await stream.has(number)


async def test_nats_is_gone_for_half_a_minute_and_viewers_stay_and_miss_nothing(gone: Gone):
    everybody, numbers = (*gone.streams, *gone.late), gone.numbers
    await asyncio.sleep(max(0, gone.at + AWAY_S - time.monotonic()))
    assert not any(stream.ended for stream in everybody)
    assert all(any(piece == b":\n\n" for piece in stream.pieces) for stream in gone.streams), (
        "a heartbeat came meanwhile"
    )
    await asyncio.to_thread(gone.server.start)
    numbers += [await gone.store.post_when_back("gone") for _ in range(5)]
    for stream in everybody:
        await stream.has(numbers[-1])
        assert not stream.ended
    assert all(stream.numbers == numbers for stream in gone.streams)
    for stream in gone.late:
        assert (await stream.synced())["complete"] is True
        assert stream.numbers == numbers[5:]
    fresh = await gone.viewers.watch(gone.edges[0], "gone-new")
    assert fresh.told("sync")[0]["complete"] is True
    assert all("Traceback" not in edge.log for edge in gone.edges)


async def test_gaps_that_were_found_have_all_been_filled(edge):
    """The last test of this module: after all these faults nothing is left missing."""
    assert edge.metric("livecomments_gaps_total", outcome="found") > 0
    assert edge.metric("livecomments_gaps_total", outcome="left") == 0
    assert "failed, and begins again" not in edge.log
    assert "could not be brought to live" not in edge.log
    assert "Traceback" not in edge.log
