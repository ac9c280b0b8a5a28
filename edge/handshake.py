"""A request for a stream: who asks, and what is answered before the first event.

Any status but 200 ends a browser's EventSource for good (HTML, 9.2.3). So only what the same client would be told again
and again is refused. Whatever passes, be it that too many streams are open, or a failure of ours, is told in a stream
that says when to come back, and ends.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final, cast

from quart import Response, request

from edge.admission import Admission
from edge.coming_back import FULL_RETRY_MS, between
from edge.handover import EXTENSION, HandedOverViewer, HandOver, PackedViewer
from edge.joining import Position
from edge.metrics import REFUSED
from edge.moderation import Moderation
from edge.packing import accepts_gzip
from edge.streamed import StreamedViewer
from edge.viewer import Viewer
from runtime.addresses import network_of
from runtime.browsers import BrowserRules
from runtime.logs import get_logger
from runtime.tokens import Identity
from wire import sse
from wire.problem import Refused

HOPELESS: Final = (401, 403)  # refusals that the same client will get for ever
PASSING: Final = 500  # … and those from this status on are not its fault, and pass

_log = get_logger("edge")


@dataclass(frozen=True, slots=True)
class Handshakes:
    """Answers requests for streams."""

    reader: Callable[[str], Awaitable[Identity | None]]  # returns who makes a request about a video, or refuses it
    moderation: Moderation
    admission: Admission
    browser_rules: BrowserRules
    packs: bool  # whether streams are compressed for viewers who accept it

    async def answer(self, video: str) -> Response:
        """Answer a GET or HEAD of a video's stream. Raises `Refused` for what will be so for ever."""
        try:
            identity = await self.reader(video)
            await self.moderation.check(video, identity)
            return self._open(video, identity)
        except Refused as refused:
            if refused.status >= PASSING:
                REFUSED.labels(refused.code).inc()
                return _come_back(refused.code)
            if refused.status in HOPELESS and "Last-Event-ID" in request.headers:
                return _stop_reconnecting(refused)
            raise
        except Exception:  # noqa: BLE001  whatever it is, browsers must not take it for an end
            _log.exception("a stream could not be opened")
            REFUSED.labels("internal").inc()
            return _come_back("internal")

    def _open(self, video: str, identity: Identity | None) -> Response:
        if request.method == "HEAD":
            return _response(b"")
        address = network_of(request.remote_addr or "")  # one text for all who share it
        if self.admission.limits.has_too_many(address, identity):
            return _come_back("too_many_streams")
        position = Position.of(request.headers.get("Last-Event-ID"), request.args.get("lastEventId"))
        hand_over = cast("HandOver | None", (request.scope.get("extensions") or {}).get(EXTENSION))
        if hand_over is not None:
            is_packed = self.packs and accepts_gzip(request.headers.get("Accept-Encoding"))
            slim = (PackedViewer if is_packed else HandedOverViewer)(identity, address)
            origin = request.headers.get("Origin")
            fields = self.browser_rules.fields(request.method, origin.encode("latin-1", "replace") if origin else None)
            if hand_over(slim, fields):
                self._admit(slim, video, position)
            return _response(b"")  # to nobody: the connection is no longer the server's
        viewer = StreamedViewer(identity, address)

        async def body() -> AsyncGenerator[bytes, None]:
            # Admitted in the first step of the stream and not before it: a connection reset in between would leave its
            # slot taken for ever.
            self._admit(viewer, video, position)
            async with contextlib.aclosing(viewer.body()) as pieces:
                async for piece in pieces:
                    yield piece

        return _response(body())

    def _admit(self, viewer: Viewer, video: str, position: Position) -> None:
        """Take in a viewer whose answer has begun. Where that fails, its own stream tells it to come back, and ends.

        Nothing else would reach it any more, and it would be counted as a viewer for ever.
        """
        try:
            self.admission.admit(viewer, video, position)
        except Exception:  # noqa: BLE001  whatever it is, the viewer must not be left without an end
            _log.exception("a viewer could not be taken in", video=video)
            REFUSED.labels("internal").inc()
            viewer.say_goodbye("internal", between(FULL_RETRY_MS))


def _come_back(reason: str) -> Response:
    """Tell a client to come back later: a stream that says so, each time another time, and nothing else."""
    response = _response(sse.goodbye(reason, between(FULL_RETRY_MS)))
    response.headers["Livecomments-Problem"] = reason  # counted
    return response


def _stop_reconnecting(refused: Refused) -> Response:
    """Tell a client that comes back what would be told again and again: 204 ends an EventSource.

    Others read why in `Problem-Code`. Whoever comes for the first time is told in full, and stops as well.
    """
    response = Response(b"", 204)
    response.headers.pop("Content-Type", None)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Problem-Code"] = response.headers["Livecomments-Problem"] = refused.code  # told, and counted
    return response


def _response(body: bytes | AsyncGenerator[bytes, None]) -> Response:
    response = Response(body, 200, content_type=sse.CONTENT_TYPE)
    response.timeout = None  # Quart would end it after 60 s
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response
