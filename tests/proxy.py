"""A proxy between a part and its NATS server, which loses what a test wants to be lost.

It runs in a thread of its own, so that a test may block. It understands as much of the NATS protocol as it takes to
drop single messages and to know the subscriptions (https://docs.nats.io/reference/reference-protocols/nats-protocol).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Iterable
from typing import Final, Self, TypeVar

READ_BYTES: Final = 64 * 1024
CRLF: Final = b"\r\n"

Lose = Callable[[str, bytes], bool]
_T = TypeVar("_T")


def nothing(subject: str, message: bytes) -> bool:
    """Lose no message."""
    return False


class Connection:
    """One connection of a part: its name, as it told the server, and what it is subscribed to."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.client = client
        self.server = server
        self.name = ""
        self.subscriptions: dict[str, str] = {}

    def note(self, line: bytes) -> None:
        """Take in what the part says to the server."""
        words = line.decode("utf-8", "replace").split()
        match words[:1]:
            case ["CONNECT"]:
                self.name = json.loads(line.split(b" ", 1)[1]).get("name") or ""
            case ["SUB"]:
                self.subscriptions[words[-1]] = words[1]
            case ["UNSUB"] if len(words) == 2:
                self.subscriptions.pop(words[1], None)
            case _:
                pass

    def close(self) -> None:
        """Cut it."""
        for writer in (self.client, self.server):
            writer.transport.abort()


class NatsProxy:
    """Passes everything on until it is told otherwise. `url` is its address."""

    def __init__(self, server_port: int) -> None:
        self.lost: list[str] = []  # subjects of the messages that were lost
        self._server_port = server_port
        self._lose: Lose = nothing
        self._connections: set[Connection] = set()
        self._is_cut = False
        self._flowing = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._flowing.set()
        listening = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop)
        self._listener = listening.result(10)
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @property
    def url(self) -> str:
        """Where a part finds it."""
        return f"nats://127.0.0.1:{self.port}"

    def lose(self, lose: Lose) -> None:
        """From now on lose the messages to the part for which `lose(subject, message)` holds."""
        self._lose = lose

    def cut(self, name: str | None = None) -> None:
        """Cut the part's connections, or the one of a name only; until `restore` no new ones come about."""
        self._do(self._cut, name, True)

    def reset(self, name: str | None = None) -> None:
        """Cut the part's connections, or the one of a name only; it may come back at once."""
        self._do(self._cut, name, False)

    def restore(self) -> None:
        """Let connections come about again."""
        self._is_cut = False

    def silence(self) -> None:
        """Pass nothing on, either way; the connections stay open, and new ones get no answer."""
        self._do(self._flowing.clear)

    def resume(self) -> None:
        """Pass everything on again, what was held back first."""
        self._do(self._flowing.set)

    def subscriptions(self) -> set[str]:
        """Return the subjects that the part is subscribed to."""
        return self._do(lambda: {one for connection in self._connections for one in connection.subscriptions.values()})

    def names(self) -> list[str]:
        """Return the names of the part's connections."""
        return self._do(lambda: sorted(connection.name for connection in self._connections))

    def _do(self, act: Callable[..., _T], *arguments: object) -> _T:
        async def run() -> _T:
            return act(*arguments)

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    def _cut(self, name: str | None, stays: bool) -> None:
        self._is_cut = stays
        for connection in self._chosen(name):
            connection.close()

    def _chosen(self, name: str | None) -> Iterable[Connection]:
        return [one for one in self._connections if name in (None, one.name)]

    def _close(self) -> None:
        self._listener.close()
        self._cut(None, True)
        for task in asyncio.all_tasks(self._loop):
            if task is not asyncio.current_task(self._loop):
                task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
        except OSError:
            writer.transport.abort()
            return
        connection = Connection(writer, server_writer)
        self._connections.add(connection)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                ways = {
                    asyncio.create_task(self._to_server(connection, reader)),
                    asyncio.create_task(self._to_part(connection, server_reader)),
                }
                _, pending = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                for way in pending:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        finally:
            self._connections.discard(connection)
            connection.close()

    async def _to_server(self, connection: Connection, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            words = line.split()
            data = line
            if words and words[0].upper() in (b"PUB", b"HPUB"):
                data += await reader.readexactly(int(words[-1]) + len(CRLF))
            else:
                connection.note(line)
            await self._flowing.wait()
            connection.server.write(data)
            await connection.server.drain()

    async def _to_part(self, connection: Connection, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            words = line.split()
            data = line
            if words and words[0] in (b"MSG", b"HMSG"):
                data += await reader.readexactly(int(words[-1]) + len(CRLF))
                subject = words[1].decode()
                if self._lose(subject, data):
                    self.lost.append(subject)
                    continue
            await self._flowing.wait()
            connection.client.write(data)
            await connection.client.drain()
