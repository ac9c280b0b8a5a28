"""A hot video on real writers and edges: an edge takes in its sample alone, and nobody sees anything else for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

import jwt
import pytest

from tests.edge.edge_process import EdgeProcess
from tests.edge.hot_room import READABLE_RATE, Crowd, Truth, published
from tests.edge.stream import Stream
from tests.edge.waiting import until
from tests.proxy import NatsProxy
from tests.servers import Part, starting
from wire import subjects

COUNTING_S = 2.0


@pytest.fixture(scope="module")
def start_writer(settings, streams: None, tmp_path_factory) -> Iterator[Callable[[], Part]]:
    given = {name: getattr(settings, name) for name in ("shards", "nats_url", "token_secret_file")}
    unlimited = dict.fromkeys(("user_rate", "user_total_rate", "posts_per_address", "archive_wait_ms"), 0)

    def make() -> Part:
        return Part(
            tmp_path_factory.mktemp("writer"), "writer.app", {**given, **unlimited, "readable_rate": READABLE_RATE}
        )

    with starting(make) as start:
        yield start


@pytest.fixture(scope="module")
def writers(start_writer) -> list[Part]:
    return [start_writer(), start_writer()]


@pytest.fixture(scope="module")
def edge(start_edge, nats_proxy: NatsProxy) -> EdgeProcess:
    return start_edge(nats_url=nats_proxy.url, readable_rate=READABLE_RATE)


@pytest.fixture(scope="module")
def fan(settings) -> str:
    claims = {"sub": "fan", "exp": int(time.time()) + 600, "following": ["star"]}
    return jwt.encode(claims, settings.secret("token_secret_file"), algorithm="HS256")


@pytest.fixture
def issue(tokens) -> Callable[[str], str]:
    issued: dict[str, str] = {}
    return lambda user: issued.setdefault(user, tokens.issue(user, 600))


async def alone(edge: EdgeProcess, videos: int = 1) -> None:
    """Wait until the edge takes in the sample alone of so many videos."""
    await until(lambda: edge.metric("livecomments_sampled_videos") == videos, 20)


async def same(stream: Stream, connection, shard: int, video: str, *authors: str, after: int = 0) -> None:
    """See that a stream is shown what it has to be, up to where the video is now."""
    upto = (await Truth.read(connection, shard, video)).numbers[-1]
    await stream.until(lambda: stream.numbers and stream.numbers[-1] > upto)
    truth = await Truth.read(connection, shard, video)
    shown = [number for number in stream.numbers if number <= upto]
    assert shown == truth.shown(*authors, after=after, upto=upto)


async def test_an_edge_takes_in_no_more_than_it_can_show_and_all_see_what_they_would_see_otherwise(
    writers, edge, nats_proxy, store, video, viewers, issue, fan, connection
):
    shard = store.shard(video)
    live, sample = subjects.live(shard, video), subjects.sample(shard, video)
    begin = await store.post(video, "the first one", user="crowd")
    passer_by = await viewers.watch(edge, video, begin, token=issue("passer-by"))
    author = await viewers.watch(edge, video, begin, token=issue("ann"))
    heard: list[str] = []
    nats_proxy.lose(lambda subject, _: heard.append(subject) or False)
    async with Crowd(writers, video, issue, ["ann", "star"]):
        await alone(edge)
        await until(lambda: live not in nats_proxy.subscriptions())
        stored = (await Truth.read(connection, shard, video)).numbers[-1]
        heard.clear()
        began = time.monotonic()
        await asyncio.sleep(COUNTING_S)
        came, counted_s = list(heard), time.monotonic() - began
        stored = sum(number > stored for number in (await Truth.read(connection, shard, video)).numbers)
        assert live not in came
        assert came.count(sample) <= 25 * counted_s
        assert stored > 40 * COUNTING_S
        follower = await viewers.watch(edge, video, token=fan)
        joined = int(follower.last_id)
        await same(passer_by, connection, shard, video, after=begin)
        await same(author, connection, shard, video, "ann", after=begin)
        await same(follower, connection, shard, video, "fan", "star", after=joined)
        # Whoever comes back gets the sample out of memory, and with it what is its own.
        for user in ("passer-by", "ann", "star"):
            again = await viewers.watch(edge, video, begin, token=issue(user))
            assert again.told("sync")[0]["complete"] is True
            await same(again, connection, shard, video, user, after=begin)
        told = [event["of"] for event in passer_by.told("sampled")]
        assert max(told) > 40
        assert edge.metric("livecomments_sampled_videos") == 1
    # The video cools down: the edge takes in everything again.
    await alone(edge, 0)
    await until(lambda: live in nats_proxy.subscriptions())
    last = await store.post(video, "the last one", user="crowd")
    truth = await Truth.read(connection, shard, video)
    for stream, authors in ((passer_by, ()), (author, ("ann",)), (follower, ("fan", "star"))):
        await stream.has(last)
        assert stream.numbers == truth.shown(*authors, after=joined if stream is follower else begin)
    assert edge.metric("livecomments_gaps_total", outcome="left") == 0


async def test_when_the_writer_that_publishes_is_killed_nobody_misses_anything_and_another_one_takes_over(
    start_writer, writers, start_edge, edge, nats_proxy, store, video, viewers, issue, connection
):
    shard = store.shard(video)
    other = start_edge(readable_rate=READABLE_RATE)
    begin = await store.post(video, "the first one", user="crowd")
    streams = [
        (await viewers.watch(one, video, begin, token=issue(user)), user)
        for one in (edge, other)
        for user in ("ann", "passer-by")
    ]
    third = start_writer()
    both = [writers[0], third]
    before = {writer: published(writer) for writer in both}
    async with Crowd(both, video, issue, ["ann"]) as crowd:
        await alone(edge)
        await alone(other)
        publishing = max(both, key=lambda writer: published(writer) - before[writer])
        publishing.kill()
        crowd.writers = [writer for writer in both if writer is not publishing]
        await alone(edge, 0)
        for stream, user in streams:
            await same(stream, connection, shard, video, user, after=begin)
        await alone(edge)
        for stream, user in streams:
            await same(stream, connection, shard, video, user, after=begin)
    assert edge.metric("livecomments_gaps_total", outcome="left") == 0
    assert edge.metric("livecomments_lost_comments_total", part="edge") == 0
    assert "Traceback" not in edge.log
    assert "Traceback" not in other.log
