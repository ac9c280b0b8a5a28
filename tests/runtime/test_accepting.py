"""A crowd that connects at once does not keep whoever comes behind it waiting for a turn of the event loop each."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import uvloop

from runtime.service import several_times

CROWD = 80


def test_several_connections_are_accepted_in_each_turn_of_the_loop():
    async def turns_until_all_are_accepted() -> int:
        loop = asyncio.get_running_loop()
        accepted = asyncio.Event()
        count = turns = 0

        class Counting(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                nonlocal count
                count += 1
                if count == CROWD:
                    accepted.set()

        def turn() -> None:
            nonlocal turns
            turns += 1
            if not accepted.is_set():
                loop.call_soon(turn)

        with contextlib.ExitStack() as stack:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=CROWD))
            for _ in range(CROWD):
                stack.enter_context(socket.create_connection(listener.getsockname()))
            servers = [await loop.create_server(Counting, sock=one, backlog=CROWD) for one in several_times(listener)]
            turn()
            async with asyncio.timeout(10):
                await accepted.wait()
            for server in servers:
                server.close()
        return turns

    assert uvloop.run(turns_until_all_are_accepted()) <= CROWD / 2
