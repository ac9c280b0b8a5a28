"""Who gets a stream, how many, and until when."""

from __future__ import annotations

import time
from collections.abc import Callable

import jwt
import orjson
import pytest

from runtime.credentials import COOKIE
from runtime.settings import Settings
from tests.edge.conftest import USER
from tests.edge.edge_process import EdgeProcess
from tests.edge.stream import Stream
from tests.edge.waiting import until
from wire.problem import CONTENT_TYPE
from wire.sse import CONTENT_TYPE as EVENT_STREAM

ORIGIN = "https://page.example"


@pytest.fixture(scope="module", params=["handover", "streamed"])
def edge(request: pytest.FixtureRequest, start_edge: Callable[..., EdgeProcess]) -> EdgeProcess:
    return start_edge(
        request.param,
        streams_per_address=6,
        streams_per_user=3,
        linger_s=0,
        origins=ORIGIN,
        trusted_proxies="127.0.0.1",
    )


@pytest.fixture(scope="module")
def public_edge(start_edge: Callable[..., EdgeProcess]) -> EdgeProcess:
    return start_edge(public_read=1)


async def problem(stream) -> tuple[int, str]:
    """Return the status and the code of a refusal."""
    assert stream.response.headers["Content-Type"] == CONTENT_TYPE
    return stream.status, orjson.loads(await stream.response.read())["code"]


async def told_to_come_back(stream: Stream, reason: str) -> None:
    """See that a stream says when to come back, and ends: anything but a 200 would end an EventSource for good."""
    assert stream.status == 200
    assert stream.response.headers["Content-Type"].startswith(EVENT_STREAM)
    await stream.end()
    assert [event.name for event in stream.events] == ["bye"]
    assert stream.told("bye") == [{"reason": reason}]
    assert 5_000 <= stream.retry_ms <= 15_000


@pytest.fixture(autouse=True)
async def nobody_before(request: pytest.FixtureRequest):
    if "edge" in request.fixturenames:
        edge = request.getfixturevalue("edge")
        await until(lambda: edge.metric("livecomments_viewers") == 0)


async def test_an_address_has_no_more_streams_than_it_may(edge, video, viewers, tokens):
    streams = [await viewers.watch(edge, video, token=tokens.issue(f"u{place}", 60)) for place in range(6)]
    over = await viewers.watch(edge, video, token=tokens.issue("u7", 60), headers={"Origin": ORIGIN}, synced=False)
    await told_to_come_back(over, "too_many_streams")
    assert over.response.headers["Access-Control-Allow-Origin"] == ORIGIN
    elsewhere = {"X-Forwarded-For": "198.51.100.7"}
    assert (await viewers.watch(edge, video, token=tokens.issue("u8", 60), headers=elsewhere)).status == 200
    streams[0].close()
    await until(lambda: edge.metric("livecomments_viewers") == 6)
    await viewers.watch(edge, video, token=tokens.issue("u9", 60))
    assert edge.metric("livecomments_streams_refused_total", reason="address") == 1


async def test_a_user_has_no_more_streams_than_it_may_wherever_it_is(edge, video, viewers, tokens):
    token = tokens.issue("ann", 60)
    for place in range(3):
        await viewers.watch(edge, f"{video}-{place}", token=token, headers={"X-Forwarded-For": f"198.51.100.{place}"})
    over = await viewers.watch(
        edge, video, 7, token=tokens.issue("ann", 70), headers={"X-Forwarded-For": "198.51.100.9"}, synced=False
    )
    await told_to_come_back(over, "too_many_streams")
    await viewers.watch(edge, video, token=tokens.issue("bob", 60))


@pytest.mark.parametrize("server", ["handover", "streamed"])
async def test_a_full_edge_takes_a_viewer_and_tells_it_to_come_back(start_edge, server, store, video, viewers):
    edge = start_edge(server, streams_per_edge=3, origins=ORIGIN)
    streams = [await viewers.watch(edge, video) for _ in range(3)]
    over = await viewers.watch(edge, video, headers={"Origin": ORIGIN}, synced=False)
    await told_to_come_back(over, "full")
    assert over.response.headers["Access-Control-Allow-Origin"] == ORIGIN
    number = await store.post(video)
    for stream in streams:
        await stream.has(number)
    streams[0].close()
    await until(lambda: edge.metric("livecomments_viewers") == 2)
    await viewers.watch(edge, video)


async def test_an_edge_with_as_many_videos_as_it_may_lets_go_of_one_that_nobody_watches(start_edge, video, viewers):
    edge = start_edge(videos_per_edge=2, linger_s=600)
    first, _ = [await viewers.watch(edge, f"{video}-{place}") for place in range(2)]
    over = await viewers.watch(edge, f"{video}-2", synced=False)
    await told_to_come_back(over, "full")
    first.close()
    await until(lambda: edge.metric("livecomments_viewers") == 1)
    await viewers.watch(edge, f"{video}-2")
    assert edge.metric("livecomments_videos") == 2


async def test_a_viewer_is_told_a_while_before_its_token_ends(edge, video, viewers, tokens):
    soon = await viewers.watch(edge, video, token=tokens.issue("ann", 33))
    later = await viewers.watch(edge, video, token=tokens.issue("bob", 600))
    await soon.until(lambda: soon.told("expiring"), 15)
    [told] = soon.told("expiring")
    assert 25_000 < told["inMs"] <= 30_000
    assert not soon.ended
    assert not later.told("expiring")


async def test_one_who_comes_with_a_token_that_is_about_to_end_is_told_as_well(edge, video, viewers, tokens):
    short = await viewers.watch(edge, video, token=tokens.issue("ann", 8))
    await short.until(lambda: short.told("expiring"), 15)
    [told] = short.told("expiring")
    assert 0 < told["inMs"] <= 5_000
    assert not short.ended


async def test_a_stream_ends_when_its_token_does(edge, video, viewers, tokens):
    # A token is good for ten seconds more than it says: clocks differ.
    stream = await viewers.watch(edge, video, token=tokens.issue("ann", -6))
    lasting = await viewers.watch(edge, video, token=tokens.issue("bob", 600))
    await stream.end(15)
    assert stream.told("bye") == [{"reason": "expired"}]
    assert not lasting.ended
    refused = await viewers.watch(edge, video, token=tokens.issue("ann", -11), synced=False)
    assert await problem(refused) == (401, "no_token")


async def test_a_token_for_another_video_is_refused(edge, video, viewers, tokens):
    refused = await viewers.watch(edge, video, token=tokens.issue("ann", 60, videos=["other"]), synced=False)
    assert await problem(refused) == (403, "wrong_video")
    await viewers.watch(edge, video, token=tokens.issue("ann", 60, videos=["other", video]))
    await viewers.watch(edge, video, token=tokens.issue("ann", 60, videos=["*"]))


def bad_tokens(settings: Settings) -> dict[str, str]:
    secret = settings.secret("token_secret_file")
    good = {"sub": "ann", "exp": int(time.time()) + 60}
    return {
        "garbage": "garbage",
        "empty": "",
        "alg none": jwt.encode(good, None, algorithm="none"),
        "another key": jwt.encode(good, "another secret of the tests, long enough", algorithm="HS256"),
        "another algorithm": jwt.encode(good, secret * 2, algorithm="HS512"),
        "no exp": jwt.encode({"sub": "ann"}, secret),
        "no sub": jwt.encode({"exp": good["exp"]}, secret),
        "sub a number": jwt.encode({**good, "sub": 7}, secret),
        "sub with a control": jwt.encode({**good, "sub": "a\nb"}, secret),
        "videos a string": jwt.encode({**good, "videos": "v"}, secret),
        "not yet": jwt.encode({**good, "nbf": good["exp"]}, secret),
    }


BAD_TOKENS = (
    "garbage", "empty", "alg none", "another key", "another algorithm", "no exp", "no sub", "sub a number",
    "sub with a control", "videos a string", "not yet",
)  # fmt: skip


@pytest.mark.parametrize("name", BAD_TOKENS)
async def test_a_bad_token_is_refused_also_where_none_is_needed(edge, public_edge, settings, video, viewers, name):
    for one in (edge, public_edge):
        refused = await viewers.watch(one, video, token=bad_tokens(settings)[name], synced=False)
        assert await problem(refused) == (401, "no_token")
        assert refused.response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("name", BAD_TOKENS)
async def test_one_who_comes_back_with_a_bad_token_is_stopped_and_never_becomes_nobody_in_particular(
    edge, public_edge, settings, store, video, viewers, name
):
    """An EventSource would come back for ever; 204 ends it. Where reading is public it must not read on unnamed."""
    number = await store.post(video)
    token = bad_tokens(settings)[name]
    for one in (edge, public_edge):
        stopped = await viewers.watch(one, video, number - 1, token=token, synced=False)
        assert stopped.status == 204
        assert stopped.response.headers["Problem-Code"] == "no_token"
        assert await stopped.response.read() == b""
        if token.isascii() and token:
            cookie = {"Cookie": f"livecomments_token={token}", "Last-Event-ID": str(number - 1)}
            stopped = await viewers.watch(one, video, token=None, headers=cookie, synced=False)
            assert stopped.status == 204


async def test_one_who_comes_back_after_its_token_ended_or_for_another_video_is_stopped(edge, video, viewers, tokens):
    ended = await viewers.watch(edge, video, 1, token=tokens.issue("ann", -11), synced=False)
    assert (ended.status, ended.response.headers["Problem-Code"]) == (204, "no_token")
    other = await viewers.watch(edge, video, 1, token=tokens.issue("ann", 60, videos=["other"]), synced=False)
    assert (other.status, other.response.headers["Problem-Code"]) == (204, "wrong_video")


async def test_nobody_in_particular_reads_only_where_reading_is_public(edge, public_edge, store, video, viewers):
    refused = await viewers.watch(edge, video, token=None, synced=False)
    assert await problem(refused) == (401, "no_token")
    stream = await viewers.watch(public_edge, video, token=None)
    await stream.has(await store.post(video))


async def test_a_token_in_the_address_is_no_token(edge, video, viewers, token):
    for name in ("token", "access_token", "livecomments_token"):
        async with viewers.session.get(f"{edge.url}/comments/{video}/stream", params={name: token}) as answer:
            assert answer.status == 401


async def test_a_cookie_opens_a_stream_but_not_for_another_sites_page(edge, video, viewers, token):
    cookie = {"Cookie": f"{COOKIE}={token}"}
    await viewers.watch(edge, video, token=None, headers=cookie)
    await viewers.watch(edge, video, token=None, headers={**cookie, "Origin": ORIGIN})
    for foreign in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        refused = await viewers.watch(edge, video, token=None, headers={**cookie, **foreign}, synced=False)
        assert await problem(refused) == (403, "foreign_origin")


@pytest.mark.parametrize("video", ["x" * 65, "a.b", "a b", "ü", "a%00b", "a*", ">"], ids=ascii)
async def test_what_is_no_video_id_is_refused(edge, video, viewers):
    refused = await viewers.watch(edge, video, synced=False)
    assert await problem(refused) == (400, "bad_video")


async def test_the_edge_knows_no_other_address(edge, viewers, video):
    for path in ("/", "/comments", f"/comments/{video}", f"/comments/{video}/stream/", f"/comments/{video}/nothing"):
        async with viewers.session.get(f"{edge.url}{path}") as answer:
            assert answer.status == 404
            assert answer.headers["Content-Type"] == CONTENT_TYPE


async def test_what_the_edge_says_about_itself_holds_no_token_and_no_text(edge, store, video, viewers, token):
    stream = await viewers.watch(edge, video)
    await stream.has(await store.post(video, "a text that nobody logs"))
    refused = await viewers.watch(edge, video, token=f"{token}x", synced=False)
    assert refused.status == 401
    async with viewers.session.get(f"{edge.url}/metrics") as answer:
        said = edge.log + await answer.text()
    assert token not in said
    assert "a text that nobody logs" not in said
    assert USER not in said
