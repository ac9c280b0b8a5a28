"""What browsers are told besides the answer: which other sites' pages may read it (CORS), and to use TLS alone (HSTS).

Two lists say whose pages may. Those of `LIVECOMMENTS_ORIGINS` are this service's own, with the cookie; those of
`LIVECOMMENTS_CORS_ORIGINS` may come with a token in the header, never with a cookie. An origin is compared whole, and
one that is on neither list is told nothing (Fetch standard, CORS protocol). A `*` is never joined with credentials.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from runtime.exchange import SECURITY_FIELDS, Field
from runtime.settings import Settings

PREFLIGHT_MAX_AGE_S: Final = 600
METHODS: Final = b"GET, HEAD, POST, PUT, DELETE"
HEADERS: Final = b"authorization, content-type, idempotency-key, last-event-id, if-none-match"
EXPOSED: Final = b"retry-after, etag, problem-code"

_VARY: Final[Field] = (b"vary", b"origin")
_PUBLIC_METHODS: Final = ("GET", "HEAD")  # what a cache may keep, and must keep apart by origin


class BrowserRules:
    """The header fields that go with every answer of this service, by the origin that asked."""

    def __init__(self, settings: Settings) -> None:
        self._own = frozenset(origin.encode() for origin in settings.origins)
        self._others = frozenset(origin.encode() for origin in settings.cors_origins)
        # RFC 6797: a browser heeds it on TLS alone, so whoever puts TLS in front can set it here.
        self._always: tuple[Field, ...] = (
            ((b"strict-transport-security", b"max-age=%d" % settings.hsts_s),) if settings.hsts_s else ()
        )

    def fields(self, method: str, origin: bytes | None) -> tuple[Field, ...]:
        """Return what to add to the answer of a request."""
        if origin is None:
            return (*self._always, _VARY) if method in _PUBLIC_METHODS else self._always
        return (*self._always, _VARY, *self._allowed(origin))

    def preflight(self, origin: bytes) -> tuple[Field, ...] | None:
        """Return the answer's fields where a page of an origin asks what it may; None where it may nothing."""
        allowed = self._allowed(origin)
        if not allowed:
            return None
        return (
            *self._always,
            *SECURITY_FIELDS,
            _VARY,
            *allowed,
            (b"access-control-allow-methods", METHODS),
            (b"access-control-allow-headers", HEADERS),
            (b"access-control-max-age", b"%d" % PREFLIGHT_MAX_AGE_S),
            (b"cache-control", b"no-store"),
        )

    def _allowed(self, origin: bytes) -> tuple[Field, ...]:
        exposed = (b"access-control-expose-headers", EXPOSED)
        if origin in self._own:
            return ((b"access-control-allow-origin", origin), (b"access-control-allow-credentials", b"true"), exposed)
        if origin in self._others:
            return ((b"access-control-allow-origin", origin), exposed)
        if b"*" in self._others:
            return ((b"access-control-allow-origin", b"*"), exposed)
        return ()


class WithBrowserRules:
    """The middleware before everything else of a part: answers preflights, and adds the fields to all answers."""

    def __init__(self, rest: Any, rules: BrowserRules) -> None:
        self._rest = rest
        self._rules = rules

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a request (called by uvicorn)."""
        if scope["type"] != "http":
            await self._rest(scope, receive, send)
            return
        method, origin = scope["method"], origin_of(scope["headers"])
        if method == "OPTIONS" and origin is not None and _is_preflight(scope["headers"]):
            fields = self._rules.preflight(origin)
            if fields is not None:
                await send({"type": "http.response.start", "status": 204, "headers": fields})
                await send({"type": "http.response.body", "body": b""})
                return
        added = self._rules.fields(method, origin)
        if not added:
            await self._rest(scope, receive, send)
            return

        async def send_with(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = (*message["headers"], *added)
            await send(message)

        await self._rest(scope, receive, send_with)


def origin_of(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """Return the origin of a request, None where it has none. Two are one that is on no list."""
    origin: bytes | None = None
    for name, value in headers:
        if name == b"origin":
            origin = value if origin is None else origin + b"," + value
    return origin


def _is_preflight(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(name == b"access-control-request-method" for name, _ in headers)
