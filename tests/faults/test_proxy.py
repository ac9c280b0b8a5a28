"""The fault proxy does what it is told, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from faults.proxy import Proxy, Silent

LIMIT_S = 5


class Echo:
    """A server that says back what it hears."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.connections = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                self.heard += data
                writer.write(data)
                await writer.drain()
        writer.close()


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    made = Echo()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()


@pytest.fixture
async def proxy(echo: Echo) -> AsyncIterator[Proxy]:
    made = Proxy(("127.0.0.1", echo.port))
    await made.start()
    yield made
    await made.stop()


class Dialer:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def dial(cls, proxy: Proxy) -> Dialer:
        return cls(*await asyncio.open_connection(proxy.host, proxy.port))

    async def say(self, data: bytes) -> bytes:
        self.writer.write(data)
        async with asyncio.timeout(LIMIT_S):
            return await self.reader.readexactly(len(data))

    async def hears_nothing(self) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                await self.reader.read(1)
                return False
        return True

    async def until_cut(self) -> None:
        async with asyncio.timeout(LIMIT_S):
            with pytest.raises(ConnectionResetError):
                await self.reader.read()


async def until(condition) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not condition():  # noqa: ASYNC110  whatever the condition is about, it tells nobody
            await asyncio.sleep(0.01)


async def test_it_passes_everything_on(proxy):
    dialer = await Dialer.dial(proxy)
    assert await dialer.say(b"x" * 3_000_000) == b"x" * 3_000_000
    assert proxy.connections == 1


async def test_the_end_of_one_side_is_the_end_of_the_other(proxy):
    dialer = await Dialer.dial(proxy)
    await dialer.say(b"hello")
    dialer.writer.close()
    await until(lambda: proxy.connections == 0)


async def test_a_cut_resets_what_is_open_and_takes_what_comes_after(proxy):
    dialer = await Dialer.dial(proxy)
    await dialer.say(b"hello")
    proxy.cut()
    await dialer.until_cut()
    assert await (await Dialer.dial(proxy)).say(b"again") == b"again"


async def test_it_refuses_until_it_is_healed(proxy):
    dialer = await Dialer.dial(proxy)
    await dialer.say(b"hello")
    proxy.refuse()
    await dialer.until_cut()
    with pytest.raises(ConnectionRefusedError):
        await Dialer.dial(proxy)
    await proxy.heal()
    assert await (await Dialer.dial(proxy)).say(b"again") == b"again"


async def test_silence_lets_nothing_through_and_loses_nothing(proxy, echo):
    dialer = await Dialer.dial(proxy)
    await dialer.say(b"hello")
    proxy.silence(Silent.BOTH)
    dialer.writer.write(b"lost?")
    assert await dialer.hears_nothing()
    assert echo.heard == b"hello"
    await proxy.heal()
    async with asyncio.timeout(LIMIT_S):
        assert await dialer.reader.readexactly(5) == b"lost?"


async def test_a_new_connection_is_accepted_in_silence_and_not_passed_on(proxy, echo):
    proxy.silence(Silent.BOTH)
    dialer = await Dialer.dial(proxy)
    dialer.writer.write(b"hello")
    assert await dialer.hears_nothing()
    assert echo.connections == 0
    await proxy.heal()
    async with asyncio.timeout(LIMIT_S):
        assert await dialer.reader.readexactly(5) == b"hello"


async def test_silence_on_the_way_back_lets_requests_through(proxy, echo):
    dialer = await Dialer.dial(proxy)
    await dialer.say(b"hello")
    proxy.silence(Silent.BACK)
    dialer.writer.write(b" there")
    await until(lambda: echo.heard == b"hello there")
    assert await dialer.hears_nothing()


async def test_it_tells_when_dialers_had_given_up_all_silent_connections(proxy):
    dialers = [await Dialer.dial(proxy) for _ in range(2)]
    for dialer in dialers:
        await dialer.say(b"hello")
    proxy.silence(Silent.BOTH)
    dialers[0].writer.close()
    assert await dialers[1].hears_nothing()
    assert proxy.noticed_s is None
    dialers[1].writer.close()
    await until(lambda: proxy.noticed_s is not None)
    assert 0 <= proxy.noticed_s < LIMIT_S
    await proxy.heal()
    await until(lambda: proxy.connections == 0)


async def test_a_connection_that_came_during_the_silence_tells_nothing(proxy):
    proxy.silence(Silent.BOTH)
    dialer = await Dialer.dial(proxy)
    await until(lambda: proxy.accepted == 1)
    dialer.writer.close()
    await until(lambda: proxy.connections == 0)
    assert proxy.noticed_s is None


async def test_a_server_that_is_not_there_is_a_reset(proxy, echo):
    proxy.target = ("127.0.0.1", 1)
    dialer = await Dialer.dial(proxy)
    await dialer.until_cut()
    await until(lambda: proxy.connections == 0)
