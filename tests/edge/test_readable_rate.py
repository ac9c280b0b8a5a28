"""Above the readable rate viewers get a sample: the same for all, with what each of them cares for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.jetstream import Outgoing
from tests.edge.edge_process import EdgeProcess
from wire import subjects
from wire.comment import encode_payload
from wire.headers import message_id
from wire.sampling import Sampler

RATE = 20
BEGIN_MS = 1_700_000_000_000


def shown(sampler: Sampler, rate: float, duration_s: float, begin: int = 1_000, begin_ms: int = BEGIN_MS) -> list[int]:
    """Return which numbers are shown of a video with that many comments a second."""
    count = int(rate * duration_s)
    return [
        begin + place for place in range(count) if sampler.shows(begin + place, begin_ms + int(place * 1000 / rate))
    ]


@pytest.mark.parametrize("rate", [1, 5, RATE - 1])
def test_below_the_readable_rate_every_comment_is_shown(rate):
    assert len(shown(Sampler(RATE), rate, 30)) == rate * 30


@pytest.mark.parametrize("rate", [40, 100, 500, 2_000])
def test_above_it_about_as_many_are_shown_as_can_be_read(rate):
    sampler = Sampler(RATE)
    shown(sampler, rate, 3)
    per_second = len(shown(sampler, rate, 20, begin=10_000_000, begin_ms=BEGIN_MS + 3_000)) / 20
    assert RATE * 0.5 <= per_second <= RATE * 1.5


@given(
    comments=st.lists(st.tuples(st.integers(1, 50), st.integers(0, 400)), max_size=200),
    rate=st.floats(0.5, 50),
)
def test_whoever_follows_a_video_shows_the_same_comments(comments, rate):
    number, posted_ms = 1_000, BEGIN_MS
    first, second = Sampler(rate), Sampler(rate)
    for step, pause_ms in comments:
        number, posted_ms = number + step, posted_ms + pause_ms
        assert first.shows(number, posted_ms) == second.shows(number, posted_ms)


def test_when_the_burst_is_over_everything_is_shown_again():
    sampler = Sampler(RATE)
    shown(sampler, 1_000, 5)
    later_ms = BEGIN_MS + 5_000 + 4_000
    assert len(shown(sampler, 5, 10, begin=50_000, begin_ms=later_ms)) == 50


@pytest.fixture(scope="module")
def edges(start_edge: Callable[..., EdgeProcess]) -> list[EdgeProcess]:
    return [start_edge(readable_rate=RATE), start_edge("streamed", readable_rate=RATE)]


async def burst(store, video: str, count: int) -> dict[str, list[int]]:
    """Store a burst by several authors, and return their numbers, by author."""
    authors = ["ann", "bob", "eve", "the host"]
    batch = [
        Outgoing(
            subjects.comments(store.shard(video), video),
            encode_payload(author := authors[place % 4], f"m{place}", None, "host" if author == "the host" else None),
            message_id(video, author, None),
        )
        for place in range(count)
    ]
    numbers = [ack.number for ack in await store._publisher.batch(batch)]
    return {author: numbers[place::4] for place, author in enumerate(authors)}


async def test_all_see_the_same_sample_and_their_own_and_whom_they_follow_and_the_host(
    edges, settings, store, video, viewers, tokens
):
    follows = {"sub": "fan", "exp": int(time.time()) + 600, "following": ["ann"]}
    follower_token = jwt.encode(follows, settings.secret("token_secret_file"))
    before = await store.post(video, user="dan")
    watching = {
        (place, who): await viewers.watch(edge, video, token=token)
        for place, edge in enumerate(edges)
        for who, token in {
            "ann": tokens.issue("ann", 600),
            "fan": follower_token,
            "dan": tokens.issue("dan", 600),
        }.items()
    }
    by = await burst(store, video, 400)
    everything = sorted(number for numbers in by.values() for number in numbers)
    for stream in watching.values():
        await stream.until(lambda stream=stream: stream.told("sampled"))
    await asyncio.gather(*(stream.has(by["the host"][-1]) for stream in watching.values()))

    sample = watching[0, "dan"].numbers
    assert sample == watching[1, "dan"].numbers
    assert set(by["the host"]) <= set(sample) < set(everything)
    assert len(set(sample) - set(by["the host"])) < 150
    for place in range(len(edges)):
        for who in ("ann", "fan"):
            assert watching[place, who].numbers == sorted({*sample, *by["ann"]})
    told = watching[0, "dan"].told("sampled")
    assert sum(one["of"] for one in told) == 400
    assert sum(one["shown"] for one in told) == len(sample)

    for place, edge in enumerate(edges):  # who comes back is shown the same
        again = await viewers.watch(edge, video, before, token=tokens.issue("dan", 600))
        assert again.numbers == sample
        assert again.told("sync")[0]["complete"] is True
        again = await viewers.watch(edge, video, before, token=follower_token)
        assert again.numbers == watching[place, "fan"].numbers


async def test_a_replay_from_the_store_is_the_same_sample(start_edge, edges, store, video, viewers, tokens):
    before = await store.post(video, user="dan")
    live = await viewers.watch(edges[0], video)
    by = await burst(store, video, 400)
    await live.has(by["the host"][-1])
    fresh = start_edge(readable_rate=RATE)
    again = await viewers.watch(fresh, video, before)
    assert again.numbers == live.numbers
