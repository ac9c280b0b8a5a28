"""From POST to a viewer's screen to history, through the gateway, on the real parts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from bench.own_cluster import RATES_OFF, OwnCluster
from livecomments.chatlog import read_chat_log
from tests.cluster_fixture import brief_cluster
from tests.end_to_end.conftest import Person, ids, purge, restart_edges, synced
from tests.shared_data import DANMAKU, TWITCH, chat_log

LONG_S = 100


async def test_a_comment_is_on_an_open_stream_and_in_history_with_one_id_one_time_and_its_text(person, video):
    opened = asyncio.Event()

    def enough(events):
        if synced(events):
            opened.set()
        return len(ids(events)) == 1

    watching = asyncio.create_task(person.watch(video, enough))
    await opened.wait()
    number = await person.post(video, "  hello, Wörld 👋\n\tsecond line ")
    event = next(event for event in await watching if event.name == "message")
    [item] = await person.history(video, at_least=1)
    assert event.last_id == event.json()["commentId"] == item["id"] == number
    assert event.json()["message"] == item["message"] == "hello, Wörld 👋\n\tsecond line"
    assert event.json()["timestamp"] == item["timestamp"]
    assert event.json()["userId"] == item["userId"] == "a person"


async def test_the_first_to_open_a_video_misses_nothing_that_is_posted_at_that_moment(person, video):
    """Subscribing, asking for the newest number and replaying race with the posts."""
    posting = asyncio.create_task(_post_many(person, video, 200))
    await asyncio.sleep(0)
    events = await person.watch(video, lambda events: len(ids(events)) == 200, position="1")
    assert ids(events) == await posting


@pytest.fixture(scope="module")
def shaken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnCluster]:
    """A cluster whose edges are killed, and whose streams are emptied."""
    with brief_cluster(RATES_OFF, tmp_path_factory.mktemp("shaken")) as running:
        yield running


@pytest.mark.parametrize("gone", ["nothing", "the edge's memory", "the stream's messages too"])
async def test_a_viewer_who_comes_back_gets_exactly_what_it_missed_in_order_once(shaken: OwnCluster, web, video, gone):
    person = Person(shaken, web, "a person")
    seen = await person.post(video, "seen before the stream was closed")
    assert ids(await person.watch(video, synced, position="1")) == [seen]
    missed = await _post_many(person, video, 50)
    if gone != "nothing":
        await restart_edges(shaken, web)
    if gone == "the stream's messages too":
        assert [item["id"] for item in await person.history(video, at_least=51)] == [seen, *missed]
        await purge(shaken, video)
    events = await person.watch(video, synced, position=seen)
    assert ids(events) == missed
    told = next(event for event in events if event.name == "sync").json()
    assert told == {"resumed": True, "replayed": 50, "complete": True}
    # … and live goes on where the replay ended.
    opened = asyncio.Event()

    def enough(events):
        if synced(events):
            opened.set()
        return len(ids(events)) == 1

    watching = asyncio.create_task(person.watch(video, enough, position=missed[-1]))
    await opened.wait()
    number = await person.post(video, "live again")
    assert ids(await watching) == [number]


@pytest.mark.parametrize("name", [TWITCH, DANMAKU])
async def test_a_real_chat_is_accepted_whole_and_read_back_as_it_was_said(cluster: OwnCluster, web, video, name):
    """The first 3,000 messages as fast as they go; the whole logs at 60 times their pace are `make bench-replay`."""
    count = 3_000
    person = Person(cluster, web, "a person")
    opened = asyncio.Event()

    def enough(events):
        if synced(events):
            opened.set()
        return len(ids(events)) == count

    watching = asyncio.create_task(person.watch(video, enough, deadline_s=LONG_S))
    await opened.wait()
    done = await asyncio.to_thread(
        cluster.cli, "replay", str(chat_log(name)), "--video", video, "--speed", "0", "--limit", str(count)
    )
    assert done.returncode == 0, done.stderr
    live = await watching
    said = [line.message for _, line in zip(range(count), read_chat_log(chat_log(name)), strict=False)]
    forward = await person.history(video, "asc", at_least=count)
    backward = await person.history(video, "desc", limit=37)
    assert ids(live) == [item["id"] for item in forward] == [item["id"] for item in reversed(backward)]
    assert sorted(item["message"] for item in forward) == sorted(text.strip() for text in said)
    assert [event.json()["message"] for event in live if event.name == "message"] == [
        item["message"] for item in forward
    ]


async def _post_many(person: Person, video: str, count: int) -> list[str]:
    """Post one after the other, so that the order of the ids is that of the texts."""
    return [await person.post(video, f"message {number}") for number in range(count)]
