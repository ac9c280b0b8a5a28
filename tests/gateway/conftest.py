"""A gateway in front of parts that only say who they are and what reached them."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from cluster.gateway import Gateway, Https
from cluster.ports import Ports
from runtime import assets

CONFIGURATION = assets.folder("gateway") / "haproxy.cfg"
WITHIN_S = 10


async def until(condition: Callable[[], Awaitable[bool]], within_s: float = WITHIN_S) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(within_s):
        while not await condition():  # noqa: ASYNC110  it is about another process
            await asyncio.sleep(0.02)


class EchoPart:
    """Answers every request with its own name, the method, the path and the headers that it got."""

    def __init__(self, name: str, port: int) -> None:
        self.name = name
        self.port = port
        self.events: asyncio.Queue[bytes] = asyncio.Queue()  # what its streams send next
        self.events_of: dict[str, asyncio.Queue[bytes]] = {}  # … where a video has events of its own
        self.viewers = 0
        self.hangs_up = False  # on whoever asks for a stream, without an answer
        self.asked_for_streams = 0
        self.kept_waiting = 0
        self.echo_headers: dict[str, str] = {}
        self.before_echo: Callable[[web.Request], Awaitable[None]] | None = None
        self.readiness: int | None = 200  # what its health says; None: nothing
        self._runner: web.AppRunner | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_get("/readyz", self._ready)
        app.router.add_get("/comments/{video}/stream", self._stream)
        app.router.add_route("*", "/comments/silent", self._silent)
        app.router.add_route("*", "/comments/broken", self._broken)
        app.router.add_route("*", "/{path:.*}", self._echo)
        self._runner = web.AppRunner(
            app, handler_cancellation=True, max_line_size=64 * 1024, max_field_size=64 * 1024, shutdown_timeout=0.1
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _ready(self, _: web.Request) -> web.Response:
        while self.readiness is None:  # noqa: ASYNC110  until the test says otherwise
            await asyncio.sleep(0.02)
        return web.Response(status=self.readiness)

    async def _echo(self, request: web.Request) -> web.Response:
        if self.before_echo is not None:
            await self.before_echo(request)
        body = await request.read()
        return web.json_response(
            {
                "part": self.name,
                "method": request.method,
                "path": request.path_qs,
                "headers": {name.lower(): value for name, value in request.headers.items()},
                "body": len(body),
            },
            headers=self.echo_headers,
        )

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        self.asked_for_streams += 1
        if self.hangs_up:
            assert request.transport is not None
            request.transport.abort()
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Part": self.name})
        await response.prepare(request)
        self.viewers += 1
        events = self.events_of.get(request.match_info["video"], self.events)
        try:
            while True:
                await response.write(await events.get())
        finally:
            self.viewers -= 1

    async def _silent(self, _: web.Request) -> web.Response:
        self.kept_waiting += 1
        await asyncio.sleep(60)
        raise AssertionError

    async def _broken(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        await asyncio.sleep(60)
        raise AssertionError


class RunningGateway:
    """HAProxy and the parts behind it."""

    def __init__(self, gateway: Gateway, parts: dict[str, EchoPart]) -> None:
        self.gateway = gateway
        self.parts = parts
        self.url = gateway.url
        self.https = gateway.https
        # A connection each: on one that had a request before, HAProxy answers a part's failure by closing it, so that
        # the client repeats the request (RFC 9110, section 9.2.2).
        self.session = aiohttp.ClientSession(
            gateway.url, timeout=aiohttp.ClientTimeout(total=20), connector=aiohttp.TCPConnector(force_close=True)
        )
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, configuration: Path) -> None:
        program = self.gateway.program()
        self._process = await asyncio.create_subprocess_exec(
            *program.full_command()[:-1],
            configuration,
            env=dict(program.environment),
            stderr=subprocess.DEVNULL,
        )
        await until(lambda: self.gateway.is_ready(self.session))

    def stop_softly(self) -> None:
        assert self._process is not None
        self._process.send_signal(self.gateway.program().stop_signal)

    async def stop(self) -> None:
        await self.session.close()
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            await self._process.wait()
        for part in self.parts.values():
            await part.stop()


StartGateway = Callable[..., Awaitable[RunningGateway]]


def configuration_with(changes: dict[str, str], folder: Path) -> Path:
    """Return the gateway's configuration with pieces of it replaced, in a folder."""
    text = CONFIGURATION.read_text(encoding="utf-8")
    for before, after in changes.items():
        assert before in text
        text = text.replace(before, after)
    changed = folder / "haproxy.cfg"
    changed.write_text(text, encoding="utf-8")
    return changed


@pytest.fixture
async def start_gateway(tmp_path: Path) -> AsyncIterator[StartGateway]:
    """Start a gateway with `rules`. `changes` are replacements in its configuration: shorter times, not to wait for."""
    running: list[RunningGateway] = []

    async def start(
        changes: dict[str, str] | None = None, rules: dict[str, str] | None = None, https: Https | None = None
    ) -> RunningGateway:
        ports = Ports(0)
        parts = {name: EchoPart(name, ports.pick()) for name in ("writer", "edge-1", "edge-2", "history")}
        for part in parts.values():
            await part.start()
        gateway = Gateway(
            port=ports.pick(),
            writers=[parts["writer"].address],
            edges=[parts["edge-1"].address, parts["edge-2"].address],
            histories=[parts["history"].address],
            rules=rules or {},
            https=https,
        )
        started = RunningGateway(gateway, parts)
        running.append(started)
        await started.start(configuration_with(changes or {}, tmp_path))
        return started

    yield start
    for one in running:
        await one.stop()


@pytest.fixture
async def gateway(start_gateway: StartGateway) -> RunningGateway:
    return await start_gateway()
