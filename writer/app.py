"""The writer as a service: POST /comments/{video} and, where they are welcome, POST /guests."""

from __future__ import annotations

import asyncio
import time
from typing import Final, cast

from nats.aio.client import Client
from quart import Quart, Response, request

from runtime import jetstream
from runtime.background import Background
from runtime.credentials import Credentials
from runtime.exchange import Answer, Asked, answer
from runtime.hot_route import add_hot_route, to_response
from runtime.jetstream import Publisher
from runtime.marks import Marks
from runtime.revocations import Revocations
from runtime.service import make_app
from runtime.settings import HMAC, Settings, SettingsError
from runtime.streams import check_shards
from runtime.tokens import Tokens
from runtime.tracing import make_tracer
from runtime.video_states import VideoStates
from wire.mark import Claim
from wire.problem import Refused
from writer.archive_watch import ArchiveWatch
from writer.audit_log import AuditLog
from writer.batcher import Batcher
from writer.classifier import Classifier
from writer.guests import RENEWABLE_S, Guest, former_guest, parse_name, welcome, welcome_back
from writer.hot_videos import HotVideos
from writer.house_rules import HouseRules
from writer.known_keys import KnownKeys
from writer.limits import Limits
from writer.moderating import Moderating
from writer.moderation_routes import add_moderation_routes
from writer.posting import JSON, Posting, check_json_type
from writer.revoking import Revoking

NAME: Final = "writer"
_FIELDS: Final = answer(201, JSON.encode(), b"no-store", b"").fields


class Writer:
    """The writer: a batcher for each shard, and a connection to NATS that they share."""

    name = NAME

    def __init__(self, settings: Settings) -> None:
        self.app: Quart = make_app(NAME)
        self._settings = settings
        self._tokens = Tokens(settings)
        if settings.guests and HMAC not in settings.token_algorithms:
            raise SettingsError(
                f"LIVECOMMENTS_GUESTS=1 needs {HMAC} in LIVECOMMENTS_TOKEN_ALGORITHMS, to sign tokens with"
            )
        self._credentials = Credentials(settings, self._tokens)
        self._limits = Limits(settings)
        self._classifier = Classifier.of(settings)
        self._connection: Client | None = None
        self.batchers: list[Batcher] = []
        self._background = Background()
        renewable_s = RENEWABLE_S if settings.guests else 0
        self._revoking = Revoking(self._credentials, self._limits, self.batchers, renewable_s)
        self._states: VideoStates | None = None
        self._log: AuditLog | None = None
        self._posting: Posting | None = None
        self._moderating: Moderating | None = None
        self._tracer = make_tracer(settings, NAME)
        self._add_routes()

    async def start(self) -> None:
        """Connect, see that the streams are those of this cluster, and start the batchers."""
        settings = self._settings
        connection = self._connection = await jetstream.connect(settings, NAME, on_reconnect=self._reconnected)
        await check_shards(connection, settings)
        states = self._states = VideoStates(connection, settings.shards)
        await states.start()
        revocations = self._revoking.revocations = Revocations(connection, settings)
        await revocations.start()
        self._credentials.is_revoked = revocations.hold
        self._background.begin("revocations", revocations.run)
        rules = HouseRules(states, self._classifier, settings.hold_s)
        self._posting = Posting(self._credentials, self._limits, rules, self.batchers, self._tracer)
        self._moderating = Moderating(self._credentials, self._limits, states, connection, self.batchers)
        watch = ArchiveWatch(settings.shards, settings.archive_wait_ms / 1000)
        await watch.start(connection)
        marks = Marks(connection, settings.shards, self._found_short)
        await marks.start()
        publisher, known = Publisher(connection), KnownKeys(settings.key_life_s)
        log = self._log = AuditLog(connection, settings.shards)
        await log.start()
        hot = HotVideos(connection, settings.readable_rate)

        def acknowledged(shard: int, video: str, number: int, payload: bytes | None) -> None:
            log.note(shard, video, number, payload)
            hot.note(shard, video)

        for shard in range(settings.shards):
            batcher = Batcher(shard, connection, publisher, watch, marks, known, settings.hold_s, acknowledged)
            self.batchers.append(batcher)
        # Where that has no answer, the batchers look again before they send anything.
        await asyncio.gather(*(batcher.continuity.check() for batcher in self.batchers))
        self._background.begin("audit", log.run)
        self._background.begin("hot videos", hot.run)
        for shard, batcher in enumerate(self.batchers):
            self._background.begin(f"batcher-{shard}", batcher.run)

    async def drain(self) -> None:
        """Take nothing any more, give what was taken its answer, and report the last of it for the loss audit."""
        await asyncio.gather(*(batcher.drain() for batcher in self.batchers))
        if self._log is not None:
            await self._log.report()

    async def stop(self) -> None:
        """End the batchers and the connection."""
        await asyncio.gather(*(batcher.continuity.end() for batcher in self.batchers))
        await self._background.stop()
        if self._classifier is not None:
            await self._classifier.close()
        if self._tracer is not None:
            self._tracer.flush()
        if self._connection is not None:
            await jetstream.close(self._connection)

    def not_ready(self) -> str | None:
        """Return None always: while JetStream is away it is this part that has to tell clients so."""
        return None

    async def _reconnected(self) -> None:
        if self._states is not None:
            self._states.reconnected()
        if self._revoking.revocations is not None:
            self._revoking.revocations.reconnected()
        if self._log is not None:
            self._background.begin("audit again", self._log.say_again)
        await self._check_streams()

    async def _check_streams(self) -> None:
        for batcher in self.batchers:
            batcher.continuity.check_soon()

    def _found_short(self, shard: int, claim: Claim) -> None:
        if shard < len(self.batchers):
            self.batchers[shard].continuity.heard(claim)

    def _add_routes(self) -> None:
        async def post_comment(asked: Asked) -> Answer:
            assert self._posting is not None, "the port is not open before the writer has started"
            posted = await self._posting.post(asked)
            return Answer(posted.status, _FIELDS, b'{"commentId":"%d"}' % posted.number)

        add_hot_route(self.app, "POST", post_comment)

        self._revoking.add_routes(self.app)
        add_moderation_routes(self.app, self._limits, lambda: self._moderating)

        @self.app.post("/guests")
        async def post_guest() -> Response:
            self._limits.take_address(request.remote_addr or "", time.monotonic_ns())
            if not self._settings.guests:
                raise Refused("not_found")
            check_json_type(request.headers.get("Content-Type"))
            # Quart's own refusals, too large (413) and too slow (408), become problem documents in runtime.service.
            body = cast("bytes", await request.get_data(cache=False))
            return to_response(Answer(201, _FIELDS, self._guest(body).body()))

    def _guest(self, body: bytes) -> Guest:
        """Return a new guest, or the one whose token is sent along. Raises `Refused`."""
        name, authorization = parse_name(body), request.headers.get("Authorization")
        if not authorization:
            self._limits.take_guest(request.remote_addr or "", time.monotonic_ns())
            return welcome(self._tokens, name)
        former = former_guest(self._credentials, authorization)
        # While this writer may not have heard that his token was revoked, it gives him none that was given after that.
        if self._revoking.revocations is None or not self._revoking.revocations.are_current:
            raise Refused("unavailable")
        return welcome_back(self._tokens, name, former)


def make_service(settings: Settings) -> Writer:
    """Return the writer. Raises `SettingsError`."""
    return Writer(settings)
