"""Something between the browser and the service: it does what networks and proxies do, and says what an edge says.

It passes requests on as they are. Streams can be held back as a buffering proxy does, cut, or have events slipped in.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import aiohttp
from aiohttp import web

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "host", "content-length", "te", "upgrade"}


class Between:
    """A proxy in front of `target`; `url` is where it listens."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.url = ""
        self.holds_streams = False  # streams are read, and nothing of them is passed on
        self.down = False  # connections are closed at once
        self.stalls = ""  # answers to paths that end so begin, and do not end
        self.asked: list[web.BaseRequest] = []
        self.streams_s: list[float] = []  # when a stream was asked for, by the loop's clock
        self.open: set[web.StreamResponse] = set()
        self._instead: list[bytes] = []  # of streams, one after the other
        self._stalled = asyncio.Event()
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.ServerRunner | None = None

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(auto_decompress=False, timeout=aiohttp.ClientTimeout(total=None))
        self._runner = web.ServerRunner(web.Server(self._handle))
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, shutdown_timeout=0.1)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def stop(self) -> None:
        await self.cut()
        self._stalled.set()
        assert self._session is not None
        assert self._runner is not None
        await self._session.close()
        await self._runner.cleanup()

    def streams(self) -> list[web.BaseRequest]:
        """Return the requests for streams so far."""
        return [request for request in self.asked if request.path.endswith("/stream")]

    def answer_next_stream(self, said: str, *, times: int = 1) -> None:
        """Have the next streams say this and end, instead of what the service would."""
        self._instead += [said.encode()] * times

    async def say(self, said: str) -> None:
        """Slip something into every open stream. One that the browser is just closing does not hear it."""
        for stream in list(self.open):
            with contextlib.suppress(ConnectionError):
                await stream.write(said.encode())

    async def cut(self) -> None:
        """Break off every open stream."""
        for stream in list(self.open):
            transport = getattr(getattr(stream, "_req", None), "transport", None)
            if transport is not None:
                transport.abort()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(request)
        if self.down:
            assert request.transport is not None
            request.transport.abort()
            raise ConnectionResetError
        if request.path.endswith("/stream"):
            return await self._stream(request)
        assert self._session is not None
        body = await request.read()
        async with self._session.request(
            request.method,
            f"{self.target}{request.raw_path}",
            headers=_passed(request.headers),
            data=body,
            allow_redirects=False,
        ) as answer:
            headers = _passed(answer.headers)
            if self.stalls and request.path.endswith(self.stalls):
                return await self._stall(request, answer.status, headers)
            return web.Response(status=answer.status, headers=headers, body=await answer.read())

    async def _stall(self, request: web.BaseRequest, status: int, headers: dict[str, str]) -> web.StreamResponse:
        begun = web.StreamResponse(status=status, headers=headers)
        begun.content_length = 1_000
        await begun.prepare(request)
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await begun.write(b'{"')
            await self._stalled.wait()
        return begun

    async def _stream(self, request: web.BaseRequest) -> web.StreamResponse:
        assert self._session is not None
        self.streams_s.append(asyncio.get_running_loop().time())
        if self._instead:
            return web.Response(body=self._instead.pop(0), content_type="text/event-stream")
        async with self._session.get(f"{self.target}{request.raw_path}", headers=_passed(request.headers)) as answer:
            stream = web.StreamResponse(status=answer.status, headers=_passed(answer.headers))
            await stream.prepare(request)
            self.open.add(stream)
            with contextlib.suppress(ConnectionError, asyncio.CancelledError, aiohttp.ClientError):
                async for piece in answer.content.iter_any():
                    if not self.holds_streams:
                        await stream.write(piece)
            self.open.discard(stream)
            return stream


def _passed(headers: Any) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in HOP_BY_HOP}
