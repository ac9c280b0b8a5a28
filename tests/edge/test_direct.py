"""Viewers who connect to an edge directly: which one, over TLS, and with nothing of the edge's but what is for them."""

import asyncio
import itertools
import signal

import aiohttp
import pytest

from bench.own_certificate import make_certificate
from runtime.direct_port import direct_config
from runtime.settings import Settings, SettingsError
from tests.edge.stream import Stream
from tests.edge.waiting import until
from tests.servers import free_port

ORIGIN = "https://www.example"


@pytest.fixture(scope="module")
def certified(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def edges(start_edge, certified):
    """Two edges that viewers can connect to directly; `direct` is the address of each."""
    started = []
    for _ in range(2):
        port = free_port()
        edge = start_edge(
            direct_listen=f"127.0.0.1:{port}",
            direct_url=f"https://127.0.0.1:{port}",
            tls_cert_file=certified.cert,
            tls_key_file=certified.key,
            cors_origins=ORIGIN,
            trusted_proxies="*",
            streams_per_address=3,
        )
        edge.direct = f"https://127.0.0.1:{port}"
        started.append(edge)
    return started


@pytest.fixture
async def session(certified, token):
    connector = aiohttp.TCPConnector(ssl=certified.client_context(), force_close=True)
    async with aiohttp.ClientSession(connector=connector, headers={"Authorization": f"Bearer {token}"}) as opened:
        yield opened


async def location(session, edge, video, avoid=None):
    query = {} if avoid is None else {"avoid": avoid}
    async with session.get(f"{edge.url}/comments/{video}/stream/location", params=query) as response:
        assert response.status == 200, await response.text()
        assert response.headers["Cache-Control"] == "no-store"
        return (await response.json())["url"]


async def settled(session, edges):
    """Wait until all edges know of all."""
    tried = itertools.count()  # videos of their own: each that is asked for counts as a viewer who is about to come

    async def each_names_all():
        for edge in edges:
            video = f"tried-{next(tried)}"
            first = (await location(session, edge, video)).partition("/comments/")[0]
            other = (await location(session, edge, video, avoid=first or None)).partition("/comments/")[0]
            if {first, other} != {one.direct for one in edges}:
                return False
        return True

    await until(each_names_all)


async def test_every_edge_names_the_same_one_for_a_video_and_another_for_who_cannot_reach_it(session, edges):
    await settled(session, edges)
    used = set()
    for number in range(20):
        video = f"placed-{number}"
        first, second = [await location(session, edge, video) for edge in edges]
        assert first == second
        host = first.removesuffix(f"/comments/{video}/stream")
        used.add(host)
        other = await location(session, edges[0], video, avoid=host)
        assert {host, other.removesuffix(f"/comments/{video}/stream")} == {edge.direct for edge in edges}
    assert used == {edge.direct for edge in edges}


async def test_a_stream_over_tls_replays_and_goes_on_live(session, edges, store, video):
    numbers = await store.post_many(video, 30)
    async with Stream(session, edges[0].direct, video, position=numbers[0] - 1) as stream:
        await stream.until(lambda: stream.numbers == numbers)
        numbers.append(await store.post(video))
        await stream.until(lambda: stream.numbers == numbers)
        assert edges[0].metric("livecomments_viewers") == 1
    await until(lambda: edges[0].metric("livecomments_viewers") == 0)


async def test_a_page_of_a_listed_origin_may_read_it_and_asks_first(session, edges, video):
    url = f"{edges[0].direct}/comments/{video}/stream"
    asks = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization,last-event-id"}
    async with session.options(url, headers={"Origin": ORIGIN, **asks}) as response:
        assert response.status == 204
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
        allowed = response.headers["Access-Control-Allow-Headers"]
        assert "authorization" in allowed
        assert "last-event-id" in allowed
    for origin, told in ((ORIGIN, ORIGIN), ("https://foreign.example", None)):
        async with session.get(url, headers={"Origin": origin}) as response:
            assert response.headers.get("Access-Control-Allow-Origin") == told


async def test_nobody_is_believed_who_says_to_come_for_another(session, edges, video):
    """No proxy is in front of that port: a limit by address must not be evaded by a header."""
    url = f"{edges[1].direct}/comments/{video}/stream"
    opened = []
    for number in range(3):
        opened.append(await session.get(url, headers={"X-Forwarded-For": f"192.0.2.{number}"}))
        assert opened[-1].status == 200
    async with session.get(url, headers={"X-Forwarded-For": "192.0.2.9"}) as response:
        assert b'"too_many_streams"' in await response.read()
    for response in opened:
        response.close()


@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/readyz", "/", "/comments/v", "/comments/v/stream/location"])
async def test_there_is_nothing_else_on_that_port(session, edges, path):
    async with session.get(edges[0].direct + path) as response:
        assert response.status == 404
        assert (await response.json(content_type=None))["code"] == "not_found"


async def test_a_token_is_needed_there_and_for_being_told_where(certified, edges, video):
    connector = aiohttp.TCPConnector(ssl=certified.client_context())
    async with aiohttp.ClientSession(connector=connector) as nobody:
        for url in (f"{edges[0].direct}/comments/v/stream", f"{edges[0].url}/comments/v/stream/location"):
            async with nobody.get(url) as response:
                assert response.status == 401


async def test_who_stops_is_named_no_more_and_sends_its_viewers_to_the_other(session, edges, video):
    await settled(session, edges)
    url = await location(session, edges[0], video)
    leaves, stays = edges if url.startswith(edges[0].direct) else reversed(edges)
    async with Stream(session, leaves.direct, video) as stream:
        await stream.until(lambda: any(event.name == "sync" for event in stream.events))
        leaves.tell(signal.SIGTERM)
        await stream.until(lambda: any(event.name == "bye" for event in stream.events))
        assert (await location(session, stays, video)).startswith(stays.direct)
    await asyncio.to_thread(leaves.wait, 30)


async def test_where_no_edge_can_be_reached_directly_the_address_is_the_gateways(session, edges, start_edge, video):
    plain = start_edge()
    for edge in edges:
        edge.kill()
    await until(lambda: location_is(session, plain, video, f"/comments/{video}/stream"))


async def location_is(session, edge, video, url):
    return await location(session, edge, video) == url


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"direct_listen": "127.0.0.1:1"}, "go together"),
        ({"direct_url": "https://edge.example"}, "go together"),
        ({"direct_url": "https://edge.example", "direct_listen": "nowhere"}, "must be address:port"),
    ],
)
def test_half_a_direct_port_is_refused_with_what_to_do(given, said):
    with pytest.raises(SettingsError, match=said):
        _ = Settings(**given).direct_address


def test_a_certificate_that_is_none_is_refused(certified):
    with pytest.raises(SettingsError, match="TLS_CERT_FILE"):
        direct_config(None, Settings(tls_cert_file=certified.key), http="h11", interface="asgi3")
