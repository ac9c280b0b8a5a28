"""What the hardening tests share: a person at a real cluster, a video of one's own, and raw words to a port."""

from __future__ import annotations

import asyncio

from tests.end_to_end.conftest import person, video, web
from tests.gateway.conftest import gateway, start_gateway

__all__ = ["gateway", "person", "start_gateway", "video", "web"]

WITHIN_S = 20


async def say(url: str, *pieces: bytes, pause_s: float = 0.0) -> bytes:
    """Send bytes as they are, and return all that the server says until it closes the connection."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause_s)
        async with asyncio.timeout(WITHIN_S):
            return await reader.read()
    except (ConnectionResetError, BrokenPipeError):
        return b""
    finally:
        writer.close()
