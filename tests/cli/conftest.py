import contextlib
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from livecomments.client import Client

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
async def serve():
    """Serve with handlers of the test's own, which break what a good server does not. Returns a client of it."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(*, post: Handler | None = None, get: Handler | None = None, stream: Handler | None = None):
            app = web.Application()
            for method, path, handler in (
                ("POST", "/comments/{video}", post),
                ("GET", "/comments/{video}", get),
                ("GET", "/comments/{video}/stream", stream),
            ):
                if handler is not None:
                    app.router.add_route(method, path, handler)
            server = TestServer(app)
            await server.start_server(shutdown_timeout=0.1)
            stack.push_async_callback(server.close)
            return await stack.enter_async_context(Client(str(server.make_url("")).rstrip("/")))

        yield start
