"""A client of HTTP/2: many requests on one connection, each with what has come for it."""

from __future__ import annotations

import asyncio
import ssl

import h2.config
import h2.connection
import h2.events


class Response:
    """What has come for one request."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.body = b""
        self.ended = False
        self.changed = asyncio.Condition()

    async def until(self, condition, within_s: float = 5) -> None:
        """Wait until `condition()` holds."""
        async with asyncio.timeout(within_s), self.changed:
            await self.changed.wait_for(condition)

    async def has(self, body: bytes) -> None:
        await self.until(lambda: self.body == body)


class Http2:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str) -> None:
        self._reader, self._writer, self._host = reader, writer, host
        self._connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self._responses: dict[int, Response] = {}
        self._unread: set[int] = set()
        self._connection.initiate_connection()
        self._flush()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def connect(cls, port: int, context: ssl.SSLContext) -> Http2:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
        return cls(reader, writer, f"127.0.0.1:{port}")

    def request(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Response:
        """Send a request, and return what will come for it."""
        stream = self._connection.get_next_available_stream_id()
        head = [(":method", method), (":scheme", "https"), (":authority", self._host), (":path", path)]
        self._connection.send_headers(stream, [*head, *headers.items()], end_stream=body is None)
        if body is not None:
            self._connection.send_data(stream, body, end_stream=True)
        self._flush()
        response = self._responses[stream] = Response()
        return response

    def leave(self, response: Response) -> None:
        """Say that nobody wants the rest of a response."""
        self._connection.reset_stream(self._stream_of(response))
        self._flush()

    def ignore(self, response: Response) -> None:
        """Read no more of a response than its window takes; the connection's own window is kept open."""
        self._unread.add(self._stream_of(response))

    async def close(self) -> None:
        self._reading.cancel()
        self._writer.close()

    def _stream_of(self, response: Response) -> int:
        (stream,) = [stream for stream, one in self._responses.items() if one is response]
        return stream

    def _flush(self) -> None:
        self._writer.write(self._connection.data_to_send())

    async def _read(self) -> None:
        while data := await self._reader.read(65_536):
            for event in self._connection.receive_data(data):
                response = self._responses.get(getattr(event, "stream_id", None) or 0)
                if isinstance(event, h2.events.DataReceived):
                    if event.stream_id not in self._unread:
                        self._connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    else:
                        self._connection.increment_flow_control_window(event.flow_controlled_length)
                if response is None:
                    continue
                async with response.changed:
                    match event:
                        case h2.events.ResponseReceived():
                            response.headers = dict(event.headers)
                        case h2.events.DataReceived():
                            response.body += event.data
                        case h2.events.StreamEnded() | h2.events.StreamReset():
                            response.ended = True
                    response.changed.notify_all()
            self._flush()
