"""How many watch a video, on all edges together; and what happens where that is too many."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.audience import LARGE, Audience
from edge.channel import Channel
from edge.channels import OpenVideo
from edge.pacer import Pacer
from edge.roster import Roster
from edge.turns import VIDEOS_AT_ONCE
from runtime import jetstream
from runtime.settings import Settings
from tests.edge.recording import RecordingViewer
from tests.edge.waiting import until
from wire import subjects

VIDEO = "counted"
EDGES, SHARDS = 20, 64  # whose words an edge remembers
LOOKUPS = 2_000


class Watching:
    """The audience of an edge that has so many viewers of one video."""

    def __init__(self, connection, count: int, shard: int = 0) -> None:
        self.video = OpenVideo(Channel(shard, VIDEO, Pacer()), None)  # type: ignore[arg-type]
        self.channels = SimpleNamespace(open={VIDEO: self.video})
        self.audience = Audience(self.channels, connection)  # type: ignore[arg-type]
        self.come(count)

    def come(self, count: int) -> None:
        for _ in range(count):
            self.video.channel.join(RecordingViewer(), 0)

    async def tell(self, other: Watching, count: int) -> None:
        """Say how many there are, until the other edge counts so many: a message may be lost, and is said again."""

        async def counted() -> bool:
            await self.audience._say()
            return other.count == count

        await until(counted)

    @property
    def count(self) -> int:
        return self.audience.count(self.video)

    async def hear(self, edge: int, shard: int, viewers: dict[str, int]) -> None:
        """Another edge says how many viewers it has."""
        data = orjson.dumps({"edge": f"edge-{edge}", "part": 0, "viewers": viewers})
        await self.audience._hear(SimpleNamespace(data=data, subject=f"viewers.{shard}"))  # type: ignore[arg-type]

    def lookup_s(self) -> float:
        """Return how long it takes to count the viewers of a video, at best."""
        took: list[float] = []
        for _ in range(5):
            began = time.perf_counter()
            for _ in range(LOOKUPS):
                self.audience.count(self.video)
            took.append((time.perf_counter() - began) / LOOKUPS)
        return min(took)


@pytest.fixture
async def connections(settings):
    made = [await jetstream.connect(settings, f"edge-{place}") for place in range(2)]
    yield made
    for connection in made:
        await jetstream.close(connection)


async def listen(watching: Watching, connection) -> None:
    await watching.audience.start()
    await connection.flush()


async def test_edges_add_up_what_the_others_say(connections):
    here, there = Watching(connections[0], 3), Watching(connections[1], 4)
    for watching, connection in zip((here, there), connections, strict=True):
        await listen(watching, connection)
    assert here.count == 3
    await there.tell(here, 7)
    assert there.count == 4
    await here.tell(there, 7)
    assert here.count == 7  # what it said itself is not counted twice


async def test_viewers_who_leave_another_edge_are_told_of_once_more_and_no_longer_counted(connections):
    here, there = Watching(connections[0], 1), Watching(connections[1], 2)
    await listen(here, connections[0])
    await there.tell(here, 3)
    for viewer in list(there.video.channel.viewers):
        viewer.gone()
    await there.audience._say()
    await until(lambda: here.count == 1)  # it is said but once more
    assert not here.audience._heard


async def test_an_edge_that_has_fallen_silent_is_no_longer_counted(connections):
    here, there = Watching(connections[0], 1), Watching(connections[1], 2)
    await listen(here, connections[0])
    await there.tell(here, 3)
    here.audience._forget(here.audience._loop.time() + 30)
    assert here.count == 3
    here.audience._forget(here.audience._loop.time() + 60)
    assert here.count == 1


async def test_what_makes_no_sense_is_not_counted(connections):
    here = Watching(connections[0], 1)
    await listen(here, connections[0])

    async def counted() -> bool:
        for said in (b"", b"[]", b"{}", b'{"edge":"x"}', b"\xff", b'{"edge":"x","part":0,"viewers":[]}'):
            await connections[1].publish("viewers.0", said)
        await connections[1].publish("viewers.0", b'{"edge":"x","part":0,"viewers":{"counted":5,"other":9}}')
        return here.count == 6

    await until(counted)


async def test_counting_costs_the_same_however_many_edges_and_shards_there_are():
    here = Watching(None, 1)
    await here.hear(0, 0, {VIDEO: 3})
    one_s = here.lookup_s()
    for edge in range(EDGES):
        for shard in range(SHARDS):
            await here.hear(edge, shard, {VIDEO: 3} if shard == 0 else {f"video-{shard}": LARGE})
    assert here.count == 1 + 3 * EDGES
    assert here.audience.count_of("video-7") == LARGE * EDGES
    assert len(here.audience._heard) == EDGES * SHARDS
    assert here.lookup_s() < 10 * one_s  # going through all of it took a thousand times as long
    here.audience._forget(here.audience._loop.time() + 60)
    assert here.count == 1
    assert not here.audience._elsewhere


words = st.dictionaries(st.sampled_from([VIDEO, "small", "large"]), st.integers(0, 3), max_size=3)


@settings(max_examples=200, deadline=None)
@given(said=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1), words), max_size=20))
async def test_what_is_added_up_is_what_each_edge_said_last(said):
    here = Watching(None, 0)
    last: dict[tuple[int, int], dict[str, int]] = {}
    for edge, shard, word in said:
        viewers = {video: count * LARGE if video == "large" else count for video, count in word.items()}
        await here.hear(edge, shard, viewers)
        last[edge, shard] = viewers
    assert here.count == sum(viewers.get(VIDEO, 0) for viewers in last.values())
    assert here.audience.count_of("large") == sum(viewers.get("large", 0) for viewers in last.values())
    assert here.audience.count_of("small") == 0  # too few to be remembered where the video is not open
    for edge, shard in last:
        await here.hear(edge, shard, {})
    assert not here.audience._elsewhere
    assert not here.audience._heard


async def test_thousands_of_videos_are_told_a_few_in_each_turn_of_the_event_loop(monkeypatch):
    monkeypatch.setattr("edge.audience.TELL_EVERY_S", 0.01)
    here = Watching(SimpleNamespace(publish=no_publish), 1)
    videos = [Watching(None, 1).video for _ in range(1_000)]
    here.channels.open |= {f"video-{place}": video for place, video in enumerate(videos)}
    running = asyncio.create_task(here.audience.run())
    told = most = 0
    while told < len(videos):
        await asyncio.sleep(0)
        now = sum(video.told_viewers for video in videos)
        told, most = now, max(most, now - told)
    running.cancel()
    assert 0 < most <= VIDEOS_AT_ONCE


async def no_publish(_subject: str, _data: bytes) -> None:
    """Nobody else is there."""


async def test_work_that_fails_and_begins_again_does_not_listen_once_more(monkeypatch):
    monkeypatch.setattr("edge.audience.TELL_EVERY_S", 0)
    subscribed: list[str] = []

    async def subscribe(subject: str, **_: object) -> None:
        subscribed.append(subject)

    async def fail(_subject: str, _data: bytes) -> None:
        raise RuntimeError("a defect")

    connection = SimpleNamespace(subscribe=subscribe, publish=fail)
    audience = Watching(connection, 1).audience
    roster = Roster(Settings(direct_url="https://edge.example"), connection, lambda: 1)  # type: ignore[arg-type]
    for part in (audience, roster):
        await part.start()
        for _ in range(3):
            with pytest.raises(RuntimeError):
                await part.run()
    assert subscribed == [subjects.audience("*"), subjects.EDGES]


async def test_viewers_are_told_of_a_change_and_not_more_often_than_it_is_worth(connections):
    here = Watching(connections[0], 200)
    viewer = RecordingViewer()
    here.video.channel.join(viewer, 0)

    async def told(now: float) -> list[dict]:
        here.audience._tell(now, here.video)
        await here.video.channel.written()
        return viewer.told("viewers")

    assert await told(100) == [{"count": 201}]
    assert await told(102) == [{"count": 201}]
    here.come(1)
    assert len(await told(104)) == 1  # one of two hundred is not worth telling at once
    assert (await told(111))[-1] == {"count": 202}
    here.come(50)
    assert (await told(113))[-1] == {"count": 252}


async def test_where_a_video_has_too_many_viewers_new_ones_are_told_to_poll(start_edge, store, video, viewers, token):
    edge = start_edge(poll_above=2)
    streams = [await viewers.watch(edge, video) for _ in range(2)]
    over = await viewers.watch(edge, video, synced=False)
    await over.end()
    assert over.told("poll") == [{"url": f"/comments/{video}/snapshot", "intervalMs": 2_000}]
    assert over.told("bye") == [{"reason": "poll"}]
    assert 60_000 <= over.retry_ms <= 120_000
    number = await store.post(video)
    for stream in streams:
        await stream.has(number)
    url = edge.url + over.told("poll")[0]["url"]
    async with viewers.session.get(url, headers={"Authorization": f"Bearer {token}"}) as answer:
        made = await answer.json()
    assert (made["newest"], made["viewers"]) == (str(number), 2)
    await viewers.watch(edge, f"{video}-other")  # other videos have room


async def test_a_snapshot_counts_the_viewers_of_all_edges_as_the_stream_does(start_edge, store, video, viewers, token):
    edge, other = start_edge(), start_edge()
    for one in (edge, other, other):
        await viewers.watch(one, video)
    await store.post(video)

    async def counted() -> bool:
        headers = {"Authorization": f"Bearer {token}"}
        async with viewers.session.get(f"{edge.url}/comments/{video}/snapshot", headers=headers) as answer:
            return (await answer.json())["viewers"] == 3

    await until(counted, within_s=20)
