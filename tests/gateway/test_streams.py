"""Streams through the gateway: nothing is held back, a quiet one stays, and a viewer who leaves is noticed."""

import asyncio
import time

import aiohttp
import pytest

from tests.gateway.conftest import WITHIN_S, until
from wire.sse import EventParser


async def is_closed(port):
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return True
    writer.close()
    return False


async def test_each_event_arrives_when_it_is_sent(gateway):
    async with gateway.session.get("/comments/v/stream") as response:
        part = gateway.parts[response.headers["Part"]]
        for number in range(20):
            event = b"id: %d\ndata: x\n\n" % number
            part.events.put_nowait(event)
            async with asyncio.timeout(WITHIN_S):
                assert await response.content.readexactly(len(event)) == event


async def test_a_stream_outlives_every_timeout_as_long_as_it_has_heartbeats(start_gateway):
    gateway = await start_gateway(
        {"timeout client 60s": "timeout client 300ms", "timeout server 60s": "timeout server 300ms"}
    )
    async with gateway.session.get("/comments/v/stream") as response:
        part = gateway.parts[response.headers["Part"]]
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            part.events.put_nowait(b":\n\n")
            assert await response.content.readexactly(3) == b":\n\n"
            await asyncio.sleep(0.1)


QUICK_CHECKS = {
    "timeout check 2s": "timeout check 100ms",
    "inter 500ms fall 3 rise 1 on": "inter 50ms fall 4 rise 1 on",
}


async def test_viewers_of_an_edge_that_goes_silent_are_cut_off_and_find_another(start_gateway):
    gateway = await start_gateway(QUICK_CHECKS)
    async with gateway.session.get("/comments/v/stream") as response:
        silent = gateway.parts[response.headers["Part"]]
        silent.readiness = None
        async with asyncio.timeout(WITHIN_S):
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.content.read()
    async with gateway.session.get("/comments/v/stream") as response:
        assert response.headers["Part"] != silent.name


async def test_an_edge_that_stops_keeps_its_viewers_and_gets_no_new_ones(start_gateway):
    gateway = await start_gateway(QUICK_CHECKS)
    async with gateway.session.get("/comments/v/stream") as response:
        stopping = gateway.parts[response.headers["Part"]]
        stopping.readiness = 404

        async def others_go_elsewhere():
            async with gateway.session.get("/comments/v/stream") as other:
                return other.headers["Part"] != stopping.name

        await until(others_go_elsewhere)
        for _ in range(20):
            assert await others_go_elsewhere()
            await asyncio.sleep(0.05)
        stopping.events.put_nowait(b"event: bye\ndata: {}\n\n")
        async with asyncio.timeout(WITHIN_S):
            assert await response.content.readuntil(b"\n\n") == b"event: bye\ndata: {}\n\n"


async def test_an_edge_learns_at_once_that_a_viewer_has_left(gateway):
    response = await gateway.session.get("/comments/v/stream")
    part = gateway.parts[response.headers["Part"]]
    assert part.viewers == 1
    response.close()

    async def is_gone():
        return part.viewers == 0

    await until(is_gone)


async def test_when_the_gateway_stops_open_streams_get_their_last_event(gateway):
    async with gateway.session.get("/comments/v/stream") as response:
        part = gateway.parts[response.headers["Part"]]
        gateway.stop_softly()
        await until(lambda: is_closed(gateway.gateway.port))
        part.events.put_nowait(b"event: bye\ndata: {}\n\n")
        assert await response.content.readuntil(b"\n\n") == b"event: bye\ndata: {}\n\n"


async def told_to_come_back(gateway, **headers):
    """How long a viewer is to wait, and the answer's headers; None where its stream was opened."""
    async with gateway.session.get("/comments/v/stream", headers=headers) as response:
        assert response.status == 200, "any other status would end an EventSource for good"
        assert response.content_type == "text/event-stream"
        if "Part" in response.headers:
            return None
        assert response.headers["Cache-Control"] == "no-store"
        parser = EventParser()
        [bye] = parser.feed(await response.read())
        assert (bye.name, bye.json()) == ("bye", {"reason": "full"})
        return parser.retry_ms, response.headers


async def test_while_no_edge_is_there_a_viewer_is_told_to_come_back_in_a_way_that_does_not_end_it(gateway):
    edges = [part for name, part in gateway.parts.items() if name.startswith("edge")]
    for part in edges:
        await part.stop()
    # From the first moment on, when the gateway does not know yet that they are gone.
    waits_ms = {(await told_to_come_back(gateway))[0] for _ in range(12)}
    assert len(waits_ms) > 1, "all would come back at once"
    assert all(1_000 <= wait_ms <= 3_000 for wait_ms in waits_ms)

    async def snapshots_are_refused():
        async with gateway.session.get("/comments/v/snapshot") as response:
            return (response.status, (await response.json())["code"]) == (503, "unavailable")

    await until(snapshots_are_refused)
    async with gateway.session.head("/comments/v/stream") as response:
        assert response.status == 503
    await edges[0].start()

    async def is_back():
        return await told_to_come_back(gateway) is None

    await until(is_back)


async def test_where_an_edge_hangs_up_a_stream_is_opened_at_another_one(gateway):
    first = gateway.parts["edge-1"]
    first.hangs_up = True
    for video in range(10):
        async with gateway.session.get(f"/comments/v{video}/stream") as response:
            assert response.headers["Part"] == "edge-2"
    assert first.asked_for_streams > 0


async def test_where_every_edge_hangs_up_a_viewer_is_told_to_come_back(gateway):
    for name in ("edge-1", "edge-2"):
        gateway.parts[name].hangs_up = True
    assert await told_to_come_back(gateway) is not None


async def test_a_page_of_another_site_may_read_that_it_is_to_come_back(start_gateway):
    gateway = await start_gateway(
        rules={"GATEWAY_ORIGINS": "https://own.test", "GATEWAY_CORS_ORIGINS": "https://a.test https://b.test"}
    )
    for name in ("edge-1", "edge-2"):
        gateway.parts[name].hangs_up = True
    allowed = "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials"
    for origin, wanted in (
        ("https://own.test", ["https://own.test", "true"]),
        ("https://b.test", ["https://b.test", None]),
        ("https://c.test", [None, None]),
    ):
        _, headers = await told_to_come_back(gateway, Origin=origin)
        assert [headers.get(name) for name in allowed] == wanted
        assert headers["Vary"] == "Origin"


async def test_where_every_page_may_read_answers_the_gateways_own_say_so_too(start_gateway):
    gateway = await start_gateway(rules={"GATEWAY_CORS_ORIGINS": "*"})
    async with gateway.session.get("/healthz", headers={"Origin": "https://c.test"}) as response:
        assert response.status == 404
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in response.headers


async def test_a_public_snapshot_is_asked_for_once_a_second_and_one_for_a_token_each_time(gateway):
    asked = []

    async def note(request):
        asked.append(request.path)

    for name, part in gateway.parts.items():
        if name.startswith("edge"):
            part.before_echo = note
            part.echo_headers = {"Cache-Control": "public, max-age=1"}
    for _ in range(100):
        async with gateway.session.get("/comments/v/snapshot") as response:
            assert response.status == 200
    assert 1 <= len(asked) <= 3
    asked.clear()
    for _ in range(10):
        async with gateway.session.get("/comments/v/snapshot", headers={"Authorization": "Bearer x"}) as response:
            assert response.status == 200
    assert len(asked) == 10
