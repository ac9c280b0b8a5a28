"""An app served in this process, on a port of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import uvicorn

ANSWERS_S = 1.0  # that requests under way have at the end
LOOK_AGAIN_S = 0.002


@contextlib.asynccontextmanager
async def serving(app: Any) -> AsyncIterator[int]:
    """Serve it for as long as the block lasts. Returns the port."""
    # Named as TCP, or asyncio leaves Nagle's algorithm on and every answer takes 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        interface="asgi3",
        lifespan="off",
        log_config=None,
        server_header=False,
        date_header=False,
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    try:
        yield listener.getsockname()[1]
    finally:
        await _end(server)


async def _end(server: uvicorn.Server) -> None:
    """End it as it would end itself. It would look ten times a second whether it may, which adds up over all tests."""
    for one in server.servers:
        one.close()
    state = server.server_state
    for connection in list(state.connections):
        connection.shutdown()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(ANSWERS_S):
            while state.connections or state.tasks:  # noqa: ASYNC110  there is no event to wait for
                await asyncio.sleep(LOOK_AGAIN_S)
    for task in state.tasks:
        task.cancel()


async def say(port: int, *pieces: bytes, half_close: bool = False) -> bytes:
    """Send bytes as they are, and return all that comes until the server closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
    if half_close:
        writer.write_eof()
    said = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    return said
