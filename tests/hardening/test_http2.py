"""Abuse of HTTP/2 at the gateway, which says the same to the parts in HTTP/1.1, where other bytes mean something."""

from __future__ import annotations

import asyncio
import contextlib

import h2.config
import h2.connection
import h2.events
import pytest

from bench.own_certificate import make_certificate
from cluster.gateway import Https
from cluster.ports import Ports

HIDDEN = "POST /comments/smuggled HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
HEAD = {":method": "POST", ":scheme": "https", ":authority": "x", ":path": "/comments/v"}
WITHIN_S = 5

# What is changed in an honest head, and the body. A list is sent as several fields.
SMUGGLED = {
    "chunks": ({"transfer-encoding": "chunked"}, "0\r\n\r\n" + HIDDEN),
    "chunks beside a length": ({"transfer-encoding": "chunked", "content-length": "5"}, "0\r\n\r\n" + HIDDEN),
    "a length too short": ({"content-length": "0"}, HIDDEN),
    "a length too long": ({"content-length": "9000"}, HIDDEN),
    "two lengths": ({"content-length": ["0", str(len(HIDDEN))]}, HIDDEN),
    "a line break in a value": ({"x": f"y\r\nTransfer-Encoding: chunked\r\n\r\n{HIDDEN}"}, ""),
    "a bare line feed in a value": ({"x": f"y\nContent-Length: 0\n\n{HIDDEN}"}, ""),
    "a NUL in a value": ({"x": "y\0z"}, HIDDEN),
    "a line break in a name": ({f"x\r\n\r\n{HIDDEN}y": "z"}, ""),
    "a colon in a name": ({"transfer-encoding:": "chunked"}, HIDDEN),
    "a space in a name": ({"transfer-encoding ": "chunked"}, HIDDEN),
    "a line break in the path": ({":path": f"/comments/v HTTP/1.1\r\nHost: x\r\n\r\n{HIDDEN}"}, ""),
    "a space in the path": ({":path": "/comments/v HTTP/1.1"}, HIDDEN),
    "a line break in the method": ({":method": f"GET /comments/v HTTP/1.1\r\nHost: x\r\n\r\n{HIDDEN}POST"}, ""),
    "a space in the method": ({":method": "POST /comments/smuggled HTTP/1.1 X"}, ""),
    "a line break in the authority": ({":authority": f"x\r\n\r\n{HIDDEN}"}, ""),
    "a line break in the scheme": ({":scheme": f"https://x/ HTTP/1.1\r\n\r\n{HIDDEN}"}, ""),
    "fields of one connection": ({"connection": "x-forwarded-for", "te": "chunked", "upgrade": "h2c"}, HIDDEN),
    "two hosts": ({"host": "evil.example"}, ""),
    "two paths": ({":path": ["/comments/v", "/comments/smuggled"]}, ""),
}


@pytest.fixture
async def gateway(start_gateway, tmp_path):
    certificate = make_certificate(tmp_path)
    https = Https(Ports(0).pick(), certificate.both, False)
    running = await start_gateway(https=https)
    return running, certificate.client_context("h2")


async def ask(port: int, context, changed, body: str) -> list[str]:
    """Send a request as it is; return the statuses of all that is answered before the connection or stream ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    as_it_is = h2.config.H2Configuration(
        header_encoding="latin-1", validate_outbound_headers=False, normalize_outbound_headers=False
    )
    connection = h2.connection.H2Connection(as_it_is)
    connection.initiate_connection()
    wanted = {**HEAD, **changed}
    head = [
        (name, value)
        for name, given in sorted(wanted.items(), key=lambda one: not one[0].startswith(":"))
        for value in (given if isinstance(given, list) else [given])
    ]
    connection.send_headers(1, head, end_stream=not body)
    if body:
        connection.send_data(1, body.encode(), end_stream=True)
    writer.write(connection.data_to_send())
    statuses: list[str] = []
    with contextlib.suppress(OSError):
        async with asyncio.timeout(WITHIN_S):
            while data := await reader.read(65_536):
                for event in connection.receive_data(data):
                    if isinstance(event, h2.events.ResponseReceived):
                        statuses.append(dict(event.headers)[":status"])
                    elif isinstance(
                        event, h2.events.StreamEnded | h2.events.StreamReset | h2.events.ConnectionTerminated
                    ):
                        writer.close()
                        return statuses
                writer.write(connection.data_to_send())
    writer.close()
    return statuses


async def test_no_request_of_http_2_becomes_two_of_http_1(gateway):
    """What HTTP/2 carries as a length and a field is read as the end of a line, or of a request, behind a gateway."""
    running, context = gateway
    seen: list[tuple[str, str]] = []

    async def note(request):
        seen.append((request.method, request.path))

    for part in running.parts.values():
        part.before_echo = note
    assert await ask(running.https.port, context, {}, "{}") == ["200"]
    assert seen == [("POST", "/comments/v")]
    for name, (changed, body) in SMUGGLED.items():
        seen.clear()
        statuses = await ask(running.https.port, context, changed, body)
        assert len(statuses) <= 1, name
        assert set(seen) <= {("POST", "/comments/v")}, (name, seen)
        assert len(seen) <= 1, (name, seen)
        async with running.session.get("/comments/afterwards") as after:
            assert (await after.json())["path"] == "/comments/afterwards", name
