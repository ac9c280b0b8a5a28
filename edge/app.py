"""The service: its routes, its start and its end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Coroutine
from functools import partial
from typing import Final, cast

from nats.aio.client import Client
from quart import Quart, Response, request

from edge.channels import Channels
from edge.handover import EXTENSION, HandedOverViewer, HandOver, HandoverProtocol
from edge.joining import Joining, Position
from edge.limits import StreamLimits
from edge.metrics import ENDED, VIEWERS
from edge.probe import Probe
from edge.replays import Replays
from edge.snapshot import FRESH_S, Snapshots
from edge.streamed import StreamedViewer
from edge.sweep import retry_ms, sweep
from edge.viewer import Viewer
from runtime.credentials import Credentials
from runtime.jetstream import Reader, close, connect
from runtime.service import make_app
from runtime.settings import Settings
from runtime.streams import check_shards
from runtime.tokens import Tokens
from wire import sse
from wire.video import check_video

HTTP_PROTOCOL: Final = HandoverProtocol
DRAIN_S: Final = 2.0  # over which the viewers of an edge that stops are sent away
DRAIN_STEPS: Final = 20


def make_service(settings: Settings) -> Edge:
    """Return the edge. Raises `SettingsError`."""
    return Edge(settings)


class Edge:
    """An edge process."""

    name = "edge"

    def __init__(self, settings: Settings) -> None:
        self.app = make_app(self.name)
        self.viewers: dict[Viewer, None] = {}
        self._settings = settings
        self._credentials = Credentials(settings, Tokens(settings))
        self._limits = StreamLimits(settings)
        self._draining = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections: list[Client] = []
        _add_routes(self.app, self)

    async def start(self) -> None:
        """Connect to NATS: live copies on one connection, replays on another, so that neither waits for the other."""
        settings = self._settings
        live = await connect(settings, "edge-live", on_reconnect=self._reconnected)
        self._connections.append(live)
        replaying = await connect(settings, "edge-replay")
        self._connections.append(replaying)
        await check_shards(replaying, settings)
        reader = Reader(replaying)
        await reader.start()
        replays = Replays(replaying, reader)
        self.channels = Channels(live, replays, settings.shards, settings.videos_per_edge)
        self.snapshots = Snapshots(self.channels, replays, settings.shards)
        self._joining = Joining(replays)
        self._probe = Probe(self.channels, reader)
        self._run(self._probe.run())
        self._run(sweep(self.channels, self.viewers))

    async def drain(self) -> None:
        """Send the viewers away, each with a time of its own to come back, spread over `DRAIN_S`."""
        self._draining = True
        waiting = list(self.viewers)
        step = max(1, -(-len(waiting) // DRAIN_STEPS))
        for place in range(0, len(waiting), step):
            for viewer in waiting[place : place + step]:
                ENDED.labels("drain").inc()
                viewer.say_goodbye("drain", retry_ms())
            if len(waiting) > step:
                await asyncio.sleep(DRAIN_S / DRAIN_STEPS)
        await asyncio.sleep(0)
        for viewer in list(self.viewers):
            viewer.abort()

    async def stop(self) -> None:
        """Close the connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in self._connections:
            await close(connection)

    def not_ready(self) -> str | None:
        """Return None: an edge without NATS still keeps its viewers, and takes new ones until it is back."""
        return None

    def admit(self, viewer: Viewer, video: str, position: Position, address: str) -> None:
        """Take a viewer in whose connection stands, from the first step of its stream to its end."""
        release = self._limits.take(address, viewer.user_id)
        self.viewers[viewer] = None
        VIEWERS.set(len(self.viewers))
        viewer.when_gone(partial(self._left, viewer, release))
        viewer.send(sse.retry(retry_ms()))
        held = None if self._draining or self._limits.streams > self._streams_limit else self.channels.claim(video)
        if held is None:
            ENDED.labels("full").inc()
            viewer.say_goodbye("drain" if self._draining else "full", retry_ms())
            return
        if self._joining.join_now(viewer, held, position):
            viewer.when_gone(partial(self._left, viewer, release, partial(self.channels.release, held)))
            return
        joining = self._run(self._joining.join(viewer, held, position))

        def give_up() -> None:
            joining.cancel()
            self.channels.release(held)

        viewer.when_gone(partial(self._left, viewer, release, give_up))

    def check_limits(self, address: str, user_id: str | None) -> None:
        """Raise `Refused` (`too_many_streams`) for an address or a user with too many streams."""
        self._limits.check(address, user_id)

    def reader(self, video: str) -> tuple[str | None, float | None]:
        """Return the user who makes this request and the time at which the token expires; None for no token."""
        identity = self._credentials.reader(request.method, request.headers, request.cookies, check_video(video))
        return (None, None) if identity is None else (identity.user_id, identity.expires_at)

    @property
    def public_read(self) -> bool:
        """Whether reading needs no token."""
        return self._settings.public_read

    @property
    def _streams_limit(self) -> float:
        return self._settings.streams_per_edge or float("inf")

    def _left(self, viewer: Viewer, *releases: Callable[[], None]) -> None:
        self.viewers.pop(viewer, None)
        VIEWERS.set(len(self.viewers))
        for release in releases:
            release()

    def _run(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _reconnected(self) -> None:
        self._probe.wake()


def _add_routes(app: Quart, edge: Edge) -> None:
    @app.get("/comments/<video>/stream")
    async def stream(video: str) -> Response:
        user_id, expires_at = edge.reader(video)
        address = request.remote_addr or ""
        edge.check_limits(address, user_id)
        position = Position.of(request.headers.get("Last-Event-ID"), request.args.get("lastEventId"))
        if request.method == "HEAD":
            return _stream_response(b"")
        hand_over = cast("HandOver | None", (request.scope.get("extensions") or {}).get(EXTENSION))
        if hand_over is not None:
            slim = HandedOverViewer(user_id, expires_at)
            if hand_over(slim):
                edge.admit(slim, video, position, address)
            return _stream_response(b"")  # to nobody: the connection is no longer the server's
        viewer = StreamedViewer(user_id, expires_at)

        async def body() -> AsyncGenerator[bytes, None]:
            # Admitted in the first step of the stream and not before it: a connection reset in between would leave
            # its slot taken for ever.
            edge.admit(viewer, video, position, address)
            async with contextlib.aclosing(viewer.body()) as pieces:
                async for piece in pieces:
                    yield piece

        return _stream_response(body())

    @app.get("/comments/<video>/snapshot")
    async def snapshot(video: str) -> Response:
        edge.reader(video)
        made = await edge.snapshots.get(video)
        caching = f"public, max-age={FRESH_S:.0f}" if edge.public_read else "private, no-cache"
        headers = {"ETag": made.etag, "Cache-Control": caching}
        if made.etag in request.if_none_match:
            return Response(b"", 304, headers=headers)
        return Response(made.body, 200, headers=headers, content_type="application/json")


def _stream_response(body: bytes | AsyncGenerator[bytes, None]) -> Response:
    response = Response(body, 200, content_type=sse.CONTENT_TYPE)
    response.timeout = None  # Quart would end it after 60 s
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response
