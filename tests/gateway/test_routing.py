"""Which part a request reaches, and what of it."""

import asyncio
import statistics

import pytest

VIDEOS = [f"video-{number}" for number in range(40)]


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/comments/v", "writer"),
        ("DELETE", "/comments/v/17", "writer"),
        ("PUT", "/comments/v/state", "writer"),
        ("POST", "/guests", "writer"),
        ("POST", "/comments/v/stream", "writer"),
        ("GET", "/comments/v/snapshot", "edge"),
        ("GET", "/comments/v/snapshot?x=1", "edge"),
        ("GET", "/comments/v/%73napshot", "edge"),
        ("GET", "/comments/v", "history"),
        ("HEAD", "/comments/v", "history"),
        ("GET", "/comments/v?cursor=1&limit=2", "history"),
        ("GET", "/comments/v/snapshot/more", "history"),
        ("GET", "/comments/a/b/snapshot", "history"),
        ("GET", "/", "history"),
        ("GET", "/web/page.js", "history"),
        ("OPTIONS", "/comments/v", "history"),
    ],
)
async def test_method_and_path_say_which_part_answers(gateway, method, path, kind):
    async with gateway.session.request(method, path) as response:
        assert response.status == 200
        if method != "HEAD":
            reached = await response.json()
            assert reached["part"].startswith(kind)
            assert reached["method"] == method


async def test_a_video_stays_with_its_edge_and_the_videos_are_spread_over_the_edges(gateway):
    async def edge_of(video):
        async with gateway.session.get(f"/comments/{video}/snapshot") as response:
            return (await response.json())["part"]

    async def edges_of_all():
        return [await edge_of(video) for video in VIDEOS]

    # Loads are bounded: while HAProxy still counts a request that is answered already, the next may go elsewhere.
    rounds = [await edges_of_all() for _ in range(3)]
    homes = [statistics.mode(edges) for edges in zip(*rounds, strict=True)]
    moved = sum(edge != home for edges in rounds for edge, home in zip(edges, homes, strict=True))
    assert moved <= len(VIDEOS) / 10
    assert set(homes) == {"edge-1", "edge-2"}


async def test_when_an_edge_is_away_its_videos_are_served_by_the_other(gateway):
    await gateway.parts["edge-1"].stop()
    for video in VIDEOS:
        async with gateway.session.get(f"/comments/{video}/snapshot") as response:
            assert (await response.json())["part"] == "edge-2"


async def test_what_a_client_says_about_where_it_comes_from_does_not_get_through(gateway):
    lies = {
        "X-Forwarded-For": "6.6.6.6",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Port": "1",
        "X-Forwarded-Proto": "https",
        "X-Real-IP": "6.6.6.6",
        "Forwarded": "for=6.6.6.6",
    }
    for method, path in (("POST", "/comments/v"), ("GET", "/comments/v/snapshot"), ("GET", "/comments/v")):
        async with gateway.session.request(method, path, headers=lies) as response:
            got = (await response.json())["headers"]
        assert got["x-forwarded-for"] == "127.0.0.1"
        assert got["x-forwarded-proto"] == "http"
        assert not {"x-forwarded-host", "x-forwarded-port", "x-real-ip", "forwarded"} & got.keys()


async def test_a_head_that_is_long_but_not_too_long_gets_through_so_that_the_part_can_refuse_the_token(gateway):
    async with gateway.session.get("/comments/v", headers={"Authorization": "Bearer " + "x" * 20_000}) as response:
        assert len((await response.json())["headers"]["authorization"]) > 20_000


async def test_a_kept_snapshot_is_not_given_once_something_on_its_video_was_moderated(gateway):
    made = iter(range(100))

    async def count(_request):
        for part in gateway.parts.values():
            part.echo_headers = {"Cache-Control": "public, max-age=1", "Made": str(next(made))}

    for part in gateway.parts.values():
        part.before_echo = count

    async def snapshot(video):
        async with gateway.session.get(f"/comments/{video}/snapshot") as response:
            return response.headers["Made"]

    async with asyncio.timeout(10):
        while (kept := await snapshot("v")) != await snapshot("v"):  # a second may be over in between
            pass
    async with gateway.session.delete("/comments/v/17") as response:
        assert response.status == 200
    assert len({kept, await snapshot("v"), await snapshot("v")}) == 3
    async with asyncio.timeout(10):
        while await snapshot("w") != await snapshot("w"):
            pass
