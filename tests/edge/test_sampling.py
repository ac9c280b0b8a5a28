"""The readable rate on real edges: one sample for all, and always what a viewer cares for."""

from __future__ import annotations

import time

import jwt
import pytest

from runtime.tokens import Tokens

RATE = 20
COUNT = 400


def named(stream, name):
    """The events of a stream that have a name."""
    return [event for event in stream.events if event.name == name]


@pytest.fixture(scope="module")
def edges(start_edge):
    return [start_edge(readable_rate=RATE), start_edge("streamed", readable_rate=RATE)]


@pytest.fixture(scope="module")
def following(settings):
    """A token that follows somebody; the command line does not make these, an issuer does."""
    secret = settings.secret("token_secret_file")
    claims = {"sub": "fan", "exp": int(time.time()) + 600, "following": ["star"]}
    token = jwt.encode(claims, secret, algorithm="HS256")
    assert Tokens(settings).check(token).following == {"star"}
    return token


async def test_viewers_of_two_edges_see_one_sample_and_always_those_they_care_for(
    edges, store, video, viewers, tokens, following
):
    crowd = [
        await viewers.watch(edge, video, token=tokens.issue(f"crowd-{place}", 600)) for place, edge in enumerate(edges)
    ]
    author = await viewers.watch(edges[0], video, token=tokens.issue("ann", 600))
    fan = await viewers.watch(edges[1], video, token=following)
    own: list[int] = []
    stars: list[int] = []
    hosts: list[int] = []
    for round_ in range(COUNT // 20):
        await store.post_many(video, 17, user="crowd")
        own.append(await store.post(video, f"mine {round_}", user="ann"))
        stars.append(await store.post(video, f"star {round_}", user="star"))
        hosts.append(await store.post(video, f"host {round_}", user="host", role="host"))
    last = hosts[-1]
    for stream in (*crowd, author, fan):
        await stream.until(lambda stream=stream: last in stream.numbers)
    first, second = (stream.numbers for stream in crowd)
    assert first == second, "both edges show the same"
    assert len(first) < COUNT / 2
    assert set(hosts) <= set(first), "a host is always shown"
    assert sorted({*first, *own}) == author.numbers, "one's own are always shown"
    assert sorted({*first, *stars}) == fan.numbers, "those one follows are always shown"


async def test_viewers_are_told_how_many_of_how_many_they_are_shown(edges, store, video, viewers):
    stream = await viewers.watch(edges[0], video)
    numbers = await store.post_many(video, COUNT, user="crowd")
    # `of` counts what came since the last time, so a second that is cut in two is told in two.
    await stream.until(lambda: sum(event.json()["of"] for event in named(stream, "sampled")) == COUNT)
    assert sum(event.json()["shown"] for event in named(stream, "sampled")) == len(stream.numbers) < COUNT
    assert set(stream.numbers) <= set(numbers)
    assert all(event.last_id == "" or int(event.last_id) <= numbers[-1] for event in named(stream, "sampled"))


async def test_a_replay_is_the_sample_that_was_shown_live_and_reaches_the_same_place(edges, store, video, viewers):
    before = await store.post(video, "before", user="crowd")
    live = await viewers.watch(edges[0], video, before)
    numbers = await store.post_many(video, COUNT, user="crowd")
    await live.until(lambda: sum(event.json()["of"] for event in named(live, "sampled")) == COUNT)
    for edge in edges:  # the second has nothing of it in memory
        again = await viewers.watch(edge, video, before)
        assert again.numbers == live.numbers
        assert int(again.last_id) == numbers[-1], "the position moves past what was not shown"
        [sync] = named(again, "sync")
        assert sync.json() == {"resumed": True, "replayed": len(live.numbers), "complete": True}


async def test_an_edge_that_opens_a_hot_video_shows_what_the_others_show_from_the_first_comment_on(
    edges, store, video, viewers
):
    early = await viewers.watch(edges[0], video)
    before = await store.post_many(video, COUNT, user="crowd")
    await early.until(lambda: sum(event.json()["of"] for event in named(early, "sampled")) == COUNT)
    late = await viewers.watch(edges[1], video)  # its edge hears of the video for the first time
    host = await store.post(video, user="host", role="host")
    numbers = [*await store.post_many(video, COUNT, user="crowd"), await store.post(video, user="host", role="host")]
    for stream in (early, late):
        await stream.until(lambda stream=stream: numbers[-1] in stream.numbers)
    assert late.numbers == [number for number in early.numbers if number >= host]
    assert len(late.numbers) < COUNT / 2
    assert before[-1] < host


async def test_a_replay_that_begins_in_the_middle_of_a_hot_time_is_the_sample_from_its_first_comment_on(
    edges, store, video, viewers
):
    live = await viewers.watch(edges[0], video)
    numbers = await store.post_many(video, COUNT, user="crowd")
    await live.until(lambda: sum(event.json()["of"] for event in named(live, "sampled")) == COUNT)
    middle = numbers[COUNT // 2]
    again = await viewers.watch(edges[1], video, middle)
    assert again.numbers == [number for number in live.numbers if number > middle]
