"""Streams through the gateway: nothing is held back, a quiet one stays, and a viewer who leaves is noticed."""

import asyncio
import time

import aiohttp
import pytest

from tests.gateway.conftest import until
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
            async with asyncio.timeout(1):
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


QUICK_CHECKS = {"timeout check 1s": "timeout check 100ms", "inter 500ms fall 4": "inter 50ms fall 4"}


async def test_viewers_of_an_edge_that_goes_silent_are_cut_off_and_find_another(start_gateway):
    gateway = await start_gateway(QUICK_CHECKS)
    async with gateway.session.get("/comments/v/stream") as response:
        silent = gateway.parts[response.headers["Part"]]
        silent.readiness = None
        async with asyncio.timeout(5):
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
        async with asyncio.timeout(2):
            assert await response.content.readuntil(b"\n\n") == b"event: bye\ndata: {}\n\n"


async def test_an_edge_learns_at_once_that_a_viewer_has_left(gateway):
    response = await gateway.session.get("/comments/v/stream")
    part = gateway.parts[response.headers["Part"]]
    assert part.viewers == 1
    response.close()

    async def is_gone():
        return part.viewers == 0

    await until(is_gone, within_s=2)


async def test_when_the_gateway_stops_open_streams_get_their_last_event(gateway):
    async with gateway.session.get("/comments/v/stream") as response:
        part = gateway.parts[response.headers["Part"]]
        gateway.stop_softly()
        await until(lambda: is_closed(gateway.gateway.port), within_s=2)
        part.events.put_nowait(b"event: bye\ndata: {}\n\n")
        assert await response.content.readuntil(b"\n\n") == b"event: bye\ndata: {}\n\n"


async def test_while_no_edge_is_there_a_viewer_is_told_to_come_back_in_a_way_that_does_not_end_it(gateway):
    for name, part in gateway.parts.items():
        if name.startswith("edge"):
            await part.stop()

    async def is_told():
        async with gateway.session.get("/comments/v/stream") as response:
            return response.status == 200

    await until(is_told)
    async with gateway.session.get("/comments/v/stream") as response:
        assert response.content_type == "text/event-stream"
        parser = EventParser()
        [bye] = parser.feed(await response.read())
        assert (bye.name, bye.json()) == ("bye", {"reason": "full"})
        assert parser.retry_ms == 2000
    async with gateway.session.get("/comments/v/snapshot") as response:
        assert (response.status, (await response.json())["code"]) == (503, "unavailable")


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
