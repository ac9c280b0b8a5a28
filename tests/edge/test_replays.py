"""Replays out of JetStream and history, with the real archiver and the real history behind them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

import asyncpg
import orjson
import pytest
from nats.aio.client import Client

from runtime import jetstream
from tests.edge.edge_process import EdgeProcess
from tests.edge.waiting import until
from tests.servers import Database, Part, starting
from wire import subjects

DEPTH = 1_000


@pytest.fixture(scope="module", params=["handover", "streamed"])
def edge(request: pytest.FixtureRequest, start_edge: Callable[..., EdgeProcess]) -> EdgeProcess:
    # A video is let go at once, so that every stream begins with an empty ring.
    return start_edge(request.param, linger_s=0, replay_depth=DEPTH)


@pytest.fixture(scope="module")
def start_part(
    settings, streams: None, postgres: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Part]]:
    shared = {name: getattr(settings, name) for name in ("shards", "nats_url", "token_secret_file", "keep_s")}

    def make(module: str, role: str) -> Part:
        return Part(tmp_path_factory.mktemp(role), module, {**shared, **postgres.settings(role)})

    with starting(make) as start:
        yield start


@pytest.fixture(scope="module")
def archiver(start_part) -> Part:
    return start_part("writer.archiving.archiver_app", "archiver")


@pytest.fixture(scope="module")
def history(start_part) -> Part:
    return start_part("history.app", "history")


class Archive:
    """What is in Postgres, and what JetStream still keeps."""

    def __init__(self, connection: Client, database: asyncpg.Connection, shard_of: Callable[[str], int]) -> None:
        self._connection = connection
        self._database = database
        self._shard_of = shard_of

    async def has(self, video: str, number: int) -> None:
        """Wait until the archive has come so far."""

        async def covered() -> bool:
            return await self._through(video) >= number

        await until(covered, 20)

    async def trim(self, video: str, number: int) -> None:
        """Take everything up to a number out of the stream, once it is in the archive."""
        await self.has(video, number)
        stream = subjects.stream_name(self._shard_of(video))
        answer = await jetstream.api(self._connection, f"STREAM.PURGE.{stream}", {"seq": number + 1})
        assert answer["success"]

    async def _through(self, video: str) -> int:
        query = "SELECT through FROM archive_position WHERE shard = $1"
        return await self._database.fetchval(query, self._shard_of(video))


@pytest.fixture
async def archive(connection: Client, store, postgres: Database, archiver: Part) -> AsyncIterator[Archive]:
    database = await asyncpg.connect(postgres.dsn)
    yield Archive(connection, database, store.shard)
    await database.close()


async def test_with_an_empty_ring_what_was_missed_comes_from_jetstream(edge, store, video, viewers):
    numbers = await store.post_many(video, 60)
    stream = await viewers.watch(edge, video, numbers[9])
    assert stream.numbers == numbers[10:]
    assert stream.told("sync") == [{"resumed": True, "replayed": 50, "complete": True}]


async def test_an_edge_that_was_restarted_replays_what_its_viewers_missed(start_edge, store, video, viewers):
    edge = start_edge(linger_s=0)
    first = await viewers.watch(edge, video)
    seen = await store.post_many(video, 20)
    await first.has(seen[-1])
    await asyncio.to_thread(edge.kill)
    missed = await store.post_many(video, 50)
    await asyncio.to_thread(edge.start)
    back = await viewers.watch(edge, video, first.last_id)
    assert back.numbers == missed
    assert back.told("sync")[0]["complete"] is True


async def test_more_than_one_read_of_the_stream_comes_whole_and_meets_what_is_posted_meanwhile(
    edge, store, video, viewers
):
    numbers = await store.post_many(video, 900)
    watching = asyncio.create_task(viewers.watch(edge, video, numbers[0]))
    numbers += [await store.post(video) for _ in range(50)]
    stream = await watching
    await stream.has(numbers[-1])
    assert stream.numbers == numbers[1:]
    assert stream.told("sync")[0]["complete"] is True


async def test_what_the_stream_no_longer_keeps_comes_from_history(edge, history, archive, store, video, viewers):
    numbers = await store.post_many(video, 120)
    await archive.trim(video, numbers[79])
    before = edge.metric("livecomments_replays_total", source="history")
    stream = await viewers.watch(edge, video, numbers[19])
    assert stream.numbers == numbers[20:]
    assert stream.told("sync") == [{"resumed": True, "replayed": 100, "complete": True}]
    assert edge.metric("livecomments_replays_total", source="history") == before + 1
    live = await store.post(video)
    await stream.has(live)


async def test_a_video_of_which_the_stream_keeps_nothing_comes_from_history(
    edge, history, archive, store, video, viewers
):
    numbers = await store.post_many(video, 40)
    last = await store.post(store.beside(video))
    await archive.trim(video, last)
    stream = await viewers.watch(edge, video, numbers[9])
    assert stream.numbers == numbers[10:]
    assert stream.told("sync")[0]["complete"] is True
    fresh = await viewers.watch(edge, video)
    assert fresh.last_id == str(numbers[-1])
    live = await store.post(video)
    for one in (stream, fresh):
        await one.has(live)
    assert stream.numbers == [*numbers[10:], live]


async def test_comments_are_the_same_from_memory_jetstream_and_history(edge, history, archive, store, video, viewers):
    before = await store.post(video)
    live = await viewers.watch(edge, video, before)
    for text in ("plain", "a\nb\tc", 'quote " and \\', "🦆\u2028"):
        number = await store.post(video, text)
    await live.has(number)
    live.close()
    from_stream = await viewers.watch(edge, video, before)
    from_stream.close()
    await archive.trim(video, number)
    from_history = await viewers.watch(edge, video, before)
    assert live.messages == from_stream.messages == from_history.messages
    assert len(live.messages) == 4


async def test_a_replay_is_as_deep_as_it_may_be_and_tells_what_is_beyond(edge, history, store, video, viewers):
    numbers = await store.post_many(video, 2_500)
    stream = await viewers.watch(edge, video, numbers[0])
    got = stream.numbers
    assert DEPTH * 0.99 <= len(got) <= DEPTH
    assert got == numbers[-len(got) :]
    told = stream.told("sync")[0]
    assert told["complete"] is False
    assert told["replayed"] == len(got)
    assert int(told["from"]) == numbers[0] + 1
    assert numbers[-len(got) - 1] <= int(told["to"]) < got[0]
    live = await store.post(video)
    await stream.has(live)


async def test_a_replay_that_is_too_deep_in_history_tells_what_is_beyond_too(
    edge, history, archive, store, video, viewers
):
    numbers = await store.post_many(video, 2_500)
    await archive.trim(video, numbers[2_199])
    stream = await viewers.watch(edge, video, numbers[0])
    got = stream.numbers
    assert DEPTH * 0.99 <= len(got) <= DEPTH
    assert got == numbers[-len(got) :]
    assert stream.told("sync")[0]["complete"] is False


async def test_while_history_is_away_what_is_missing_is_told_and_live_goes_on(
    edge, history, archive, store, video, viewers
):
    numbers = await store.post_many(video, 100)
    await archive.trim(video, numbers[59])
    await asyncio.to_thread(history.kill)
    try:
        stream = await viewers.watch(edge, video, numbers[9])
        assert stream.numbers == numbers[60:]
        told = stream.told("sync")[0]
        assert told["complete"] is False
        assert int(told["from"]) == numbers[9] + 1
        assert numbers[59] <= int(told["to"]) < numbers[60]
        live = await store.post(video)
        await stream.has(live)
    finally:
        await asyncio.to_thread(history.start)

    async def whole() -> bool:
        stream = await viewers.watch(edge, video, numbers[9])
        return stream.told("sync")[0]["complete"]

    await until(whole)


async def test_a_video_opened_without_history_does_not_pass_over_what_only_history_has(
    edge, history, archive, store, video, viewers
):
    numbers = await store.post_many(video, 30)
    await archive.trim(video, await store.post(store.beside(video)))
    await asyncio.to_thread(history.kill)
    try:
        first = await viewers.watch(edge, video)  # opens the video, and keeps it open
        live = await store.post(video)
        await first.has(live)
        back = await viewers.watch(edge, video, numbers[9])
        assert back.numbers == [live]
        told = back.told("sync")[0]
        assert told["complete"] is False
        assert int(told["from"]) == numbers[9] + 1
        assert int(told["to"]) >= numbers[-1]
    finally:
        await asyncio.to_thread(history.start)


async def test_many_deep_replays_at_once_are_all_served_and_do_not_hold_up_live_comments(
    edge, history, store, video, viewers
):
    numbers = await store.post_many(video, 900)
    calm = await viewers.watch(edge, f"{video}-calm")
    replaying = [asyncio.create_task(viewers.watch(edge, video, numbers[0])) for _ in range(40)]
    slowest = 0.0
    loop = asyncio.get_running_loop()
    while not all(task.done() for task in replaying):
        began = loop.time()
        number = await store.post(f"{video}-calm")
        await calm.has(number)
        slowest = max(slowest, loop.time() - began)
    for task in replaying:
        assert (await task).numbers == numbers[1:]
    assert slowest < 5.0  # the machine may be busy, and the test's own parsing of all of it is in there


async def test_a_snapshot_is_the_newest_hundred_oldest_first(edge, history, store, video, viewers, token):
    async def snapshot(etag: str = "") -> tuple[int, dict, str]:
        headers = {"Authorization": f"Bearer {token}", **({"If-None-Match": etag} if etag else {})}
        async with viewers.session.get(f"{edge.url}/comments/{video}/snapshot", headers=headers) as answer:
            assert answer.headers["Cache-Control"] == "private, no-cache"
            body = await answer.read()
            return answer.status, orjson.loads(body) if body else {}, answer.headers["ETag"]

    status, made, _ = await snapshot()
    usual = {"slowModeS": 0, "membersOnly": False, "paused": False, "ended": False}
    assert (status, made) == (200, {"comments": [], "newest": None, "viewers": 0, "state": usual})
    numbers = await store.post_many(video, 230)

    async def is_new() -> bool:
        return (await snapshot())[1]["newest"] == str(numbers[-1])

    await until(is_new)
    _, made, etag = await snapshot()
    assert [int(comment["id"]) for comment in made["comments"]] == numbers[-100:]
    assert made["comments"][-1].keys() == {"id", "userId", "message", "timestamp"}
    assert (await snapshot(etag))[0] == 304
