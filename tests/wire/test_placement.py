"""Which edge a video's viewers go to: the same for all who ask, few that move, and none with more than its share."""

import math
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from wire.placement import BOUND, FREE_VIEWERS, EdgeLoad, owner

URLS = [f"https://edge-{number}.example:8443" for number in range(8)]
VIDEOS = [f"video-{number}" for number in range(400)]


def idle(urls):
    return [EdgeLoad(url, 0, 0) for url in urls]


def test_all_who_know_the_same_edges_name_the_same_one_in_whatever_order_they_heard_of_them():
    for video in VIDEOS:
        assert owner(video, idle(URLS)) == owner(video, idle(reversed(URLS)))


def test_videos_are_spread_over_all_edges():
    counts = Counter(owner(video, idle(URLS)) for video in VIDEOS)
    assert counts.keys() == set(URLS)
    assert max(counts.values()) < 2 * len(VIDEOS) / len(URLS)


def test_an_edge_that_goes_moves_its_own_videos_and_no_others():
    for video in VIDEOS:
        before, after = owner(video, idle(URLS)), owner(video, idle(URLS[1:]))
        assert after == before or before == URLS[0]


def test_one_video_of_a_million_viewers_fills_the_edges_one_after_the_other_within_the_bound():
    viewers = dict.fromkeys(URLS, 0)
    used = []
    for _ in range(20_000):
        loads = [EdgeLoad(url, count, 0) for url, count in viewers.items()]
        url = owner("hot", loads)
        if url not in used:
            used.append(url)
        viewers[url] += 1
        total = sum(viewers.values())
        assert viewers[url] <= max(FREE_VIEWERS, BOUND * (total + 1) / len(URLS) + 1)
    assert len(used) == math.ceil(len(URLS) / BOUND), "no more edges take the video in than must"


def test_few_viewers_of_a_video_stay_on_one_edge():
    viewers = dict.fromkeys(URLS, 0)
    for _ in range(FREE_VIEWERS):
        viewers[owner("quiet", [EdgeLoad(url, count, 0) for url, count in viewers.items()])] += 1
    assert sorted(viewers.values()) == [0] * 7 + [FREE_VIEWERS]


@given(st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 20_000)), max_size=8), st.text(max_size=64))
def test_whoever_is_full_gets_nobody_and_somebody_is_named_as_long_as_there_is_room(loads, video):
    edges = [EdgeLoad(url, *load) for url, load in zip(URLS, loads, strict=False)]
    named = owner(video, edges)
    roomy = {edge.url for edge in edges if edge.capacity == 0 or edge.viewers < edge.capacity}
    assert named is None or named in roomy
    if all(edge.capacity == 0 for edge in edges):
        assert (named is not None) == bool(edges), "the least loaded is always below the bound"


def test_nobody_is_named_where_there_is_no_edge():
    assert owner("v", []) is None
