"""The service: its routes, its start and its end."""

from __future__ import annotations

from typing import Final

import orjson
from nats.aio.client import Client
from quart import Quart, Response, request

from edge.admission import Admission
from edge.audience import Audience
from edge.audit import EdgeAudit
from edge.channels import Channels
from edge.handover import HandoverProtocol
from edge.handshake import Handshakes
from edge.joining import Joining
from edge.moderation import Moderation
from edge.probe import Probe
from edge.replays import Replays
from edge.roster import Roster
from edge.shared_replays import SharedReplays
from edge.shortage import Shortage
from edge.snapshot import FRESH_S, Snapshots
from edge.sweep import sweep
from edge.turnstile import Turnstile
from runtime.background import Background
from runtime.browsers import BrowserRules
from runtime.credentials import Credentials
from runtime.jetstream import Reader, close, connect
from runtime.revocations import Revocations
from runtime.service import make_app
from runtime.settings import Settings
from runtime.streams import check_shards
from runtime.tokens import Identity, Tokens, UnknownKeyError
from runtime.tracing import make_tracer
from wire.video import check_video

HTTP_PROTOCOL: Final = HandoverProtocol


def make_service(settings: Settings) -> Edge:
    """Return the edge. Raises `SettingsError`."""
    return Edge(settings)


class Edge:
    """An edge process."""

    name = "edge"

    def __init__(self, settings: Settings) -> None:
        self.app = make_app(self.name)
        self._settings = settings
        self._tokens = Tokens(settings)
        self._credentials = Credentials(settings, self._tokens)
        self._background = Background()
        self._connections: list[Client] = []
        self._probe: Probe | None = None
        self._revocations: Revocations | None = None
        self._tracer = make_tracer(settings, self.name)
        _add_routes(self.app, self)
        self.app.asgi_app = Turnstile(self.app.asgi_app)  # type: ignore[method-assign]

    async def start(self) -> None:
        """Connect to NATS: live copies on one connection, replays on another, so that neither waits for the other."""
        settings = self._settings
        live = await connect(settings, "edge-live", on_reconnect=self._reconnected)
        self._connections.append(live)
        replaying = await connect(settings, "edge-replay", on_reconnect=self._states_are_old)
        self._connections.append(replaying)
        await check_shards(replaying, settings)
        reader = Reader(replaying)
        await reader.start()
        replays = Replays(replaying, reader)
        shortage = Shortage(replaying, reader, settings.shards)
        await shortage.start()
        moderation = self.moderation = Moderation(replaying, settings.shards)
        await moderation.start()
        self.channels = Channels(live, replays, settings, shortage, moderation, self._tracer)
        await EdgeAudit(replaying, self.channels.open, may_lack=moderation.may_lack).start()
        audience = Audience(self.channels, live)
        await audience.start()
        self.roster = Roster(settings, live, lambda: len(self.admission.viewers))
        await self.roster.start()
        self.snapshots = Snapshots(self.channels, replays, moderation, settings.shards, audience.count_of)
        shared = SharedReplays(replays, self.channels.sampler, is_shared=settings.replay_shared_bytes > 0)
        joining = Joining(shared, moderation, settings.replay_depth)
        self.admission = Admission(settings, self.channels, joining, audience, moderation)
        moderation.attach(
            self.channels.open, self.admission.viewers, self.admission.limits.streams_of, self.snapshots.forget
        )
        self.handshakes = Handshakes(
            self.reader, moderation, self.admission, BrowserRules(settings), packs=settings.compress
        )
        revocations = self._revocations = Revocations(replaying, settings, self.admission.revoked)
        await revocations.start()
        self._credentials.is_revoked = self.admission.is_revoked = revocations.hold
        self._tokens.keys_changed = self.admission.keys_changed
        self._probe = probe = Probe(self.channels, reader, shortage)
        background = self._background
        background.begin("audience", audience.run)
        background.begin("roster", self.roster.run)
        background.begin("probe", probe.run)
        background.begin("revocations", revocations.run)
        background.begin("moderation", moderation.run)
        background.begin("sweep", lambda: sweep(self.channels, self.admission.viewers, settings, self._tokens.look))

    async def drain(self) -> None:
        """Send the viewers away."""
        await self.roster.leave()
        await self.admission.drain()

    async def stop(self) -> None:
        """Close the connections."""
        await self._background.stop()
        if self._tracer is not None:
            self._tracer.flush()
        for connection in self._connections:
            await close(connection)

    def not_ready(self) -> str | None:
        """Return None: an edge without NATS still keeps its viewers, and takes new ones until it is back."""
        return None

    async def reader(self, video: str) -> Identity | None:
        """Return who makes this request, None for nobody in particular where reading is public."""

        def find() -> Identity | None:
            return self._credentials.reader(request.method, request.headers, request.cookies, check_video(video))

        try:
            return find()
        except UnknownKeyError as unknown:
            await unknown.wait()
            return find()

    @property
    def public_read(self) -> bool:
        """Whether reading needs no token."""
        return self._settings.public_read

    async def _states_are_old(self) -> None:
        self.moderation.reconnected()
        if self._revocations is not None:
            self._revocations.reconnected()

    async def _reconnected(self) -> None:
        if self._probe is not None:
            self._probe.wake()


def _add_routes(app: Quart, edge: Edge) -> None:
    @app.get("/comments/<video>/stream")
    async def stream(video: str) -> Response:
        return await edge.handshakes.answer(video)

    @app.get("/comments/<video>/stream/location")
    async def location(video: str) -> Response:
        """Name the edge that a viewer connects to; an address without a host is the gateway's."""
        await edge.moderation.check(video, await edge.reader(video))
        owner = edge.roster.owner(video, request.args.get("avoid")) or ""
        body = orjson.dumps({"url": f"{owner}/comments/{video}/stream"})
        return Response(body, 200, headers={"Cache-Control": "no-store"}, content_type="application/json")

    @app.get("/comments/<video>/snapshot")
    async def snapshot(video: str) -> Response:
        await edge.moderation.check(video, await edge.reader(video))
        made = await edge.snapshots.get(video)
        caching = f"public, max-age={FRESH_S:.0f}" if edge.public_read else "private, no-cache"
        headers = {"ETag": made.etag, "Cache-Control": caching}
        if request.if_none_match.contains_weak(made.etag.strip('"')):
            return Response(b"", 304, headers=headers)
        return Response(made.body, 200, headers=headers, content_type="application/json")
