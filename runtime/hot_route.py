"""Routes that are asked so often that Quart's own way to them costs more than all they do.

A Quart request is two tasks, two contexts, a routing and a `Headers`; that is 250 to 400 µs before its handler does
anything. `app.asgi_app = middleware(app.asgi_app)` is Quart's documented place for what comes before it. What stands
there takes the well-formed requests for its routes, and leaves everything else to Quart: other methods, other
addresses, ids that are none. Each route is Quart's as well, made of the same function (`runtime.exchange`), so that
routing, 405 and `OPTIONS` know it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, cast

from quart import Quart, Response, request

from runtime.exchange import (
    BODY_TIMEOUT_S,
    Answer,
    Asked,
    Cookies,
    Route,
    check_length,
    count_answer,
    problem_answer,
)
from runtime.logs import get_logger
from runtime.tokens import UnknownKeyError
from wire.message import MAX_BODY_BYTES
from wire.problem import Refused

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


Asgi = Callable[[Any, Any, Any], Awaitable[None]]

RULE: Final = "/comments/<video>"
_PREFIX: Final = "/comments/"
_VIDEO: Final = re.compile(r"/comments/([A-Za-z0-9_-]{1,64})", re.ASCII)
_UNKNOWN_ADDRESS: Final = ("<local>", 0)  # what Quart calls a client on a socket without addresses

# What a route may ask for; looking at no others makes one pass over the head cheap.
_READ: Final = {
    name.encode(): name
    for name in (
        "authorization", "content-length", "content-type", "cookie", "idempotency-key", "if-none-match", "origin",
        "sec-fetch-site", "traceparent", "transfer-encoding",
    )
}  # fmt: skip

_log = get_logger("http")


class ClientLeftError(Exception):
    """The client is gone before its request was whole: nobody waits for an answer."""


def add_hot_route(app: Quart, method: str, route: Route) -> None:
    """Serve `/comments/{video}`: well-formed requests of a method by a middleware, and the rest by Quart.

    `GET` takes `HEAD` with it.
    """

    async def view(video: str) -> Response:
        asked = Asked(
            method=request.method,
            video=video,
            query=request.query_string,
            address=request.remote_addr or "",
            headers=request.headers,
            cookies=request.cookies,
            body=_quart_body,
        )
        return to_response(await route(asked))

    app.add_url_rule(RULE, f"{method.lower()}_comments", view, methods=[method])
    methods = frozenset({"GET", "HEAD"} if method == "GET" else {method})
    app.asgi_app = HotRoute(app.asgi_app, methods, route)  # type: ignore[method-assign, assignment]


def to_response(given: Answer) -> Response:
    """Return an answer as Quart's own."""
    response = Response(given.body, given.status)
    response.headers.clear()
    for name, value in given.fields:
        response.headers[name.decode().title()] = value.decode()
    if given.status != 304:
        response.headers["Content-Length"] = str(len(given.body))
    return response


async def _quart_body() -> bytes:
    # Quart's own refusals, too large (413) and too slow (408), become problem documents in runtime.service.
    return cast("bytes", await request.get_data(cache=False))


class HotRoute:
    """The middleware for one route. A bare ASGI callable: one pass over the head, and one over the body."""

    def __init__(self, rest: Asgi, methods: frozenset[str], route: Route) -> None:
        self.rest = rest
        self._methods = methods
        self._route = route

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Serve a request (called by uvicorn)."""
        found = (
            _VIDEO.fullmatch(scope["path"]) if scope["type"] == "http" and scope["method"] in self._methods else None
        )
        if found is None:
            await self.rest(scope, receive, send)
            return
        try:
            given = await self._answer(_asked(scope, found[1], receive))
        except Refused as problem:
            given = problem_answer(problem.code, problem.retry_after_s)
        except ClientLeftError:
            return
        except Exception as error:  # noqa: BLE001  whatever it was: the client hears so, and nothing of it
            _log.error("request failed", route=RULE, exc_info=error)
            given = problem_answer("internal", None)
        count_answer(RULE, given.status, given.code)
        length = () if given.status == 304 else ((b"content-length", b"%d" % len(given.body)),)
        await send({"type": "http.response.start", "status": given.status, "headers": given.fields + length})
        await send({"type": "http.response.body", "body": given.body})

    async def _answer(self, asked: Asked) -> Answer:
        try:
            return await self._route(asked)
        except UnknownKeyError as unknown:
            await unknown.wait()
            return await self._route(asked)  # of its body nothing has been read: who speaks is looked at before


def _asked(scope: Any, video: str, receive: Receive) -> Asked:
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        read = _READ.get(name)
        if read is None:
            continue
        if read not in headers:
            headers[read] = value.decode("latin-1")
        elif read == "cookie":
            headers[read] += ";" + value.decode("latin-1")
    return Asked(
        scope["method"],
        video,
        scope["query_string"],
        (scope.get("client") or _UNKNOWN_ADDRESS)[0],
        headers,
        Cookies(headers.get("cookie")),
        _Body(headers, receive).read,
    )


class _Body:
    """The body of one request."""

    __slots__ = ("_headers", "_receive")

    def __init__(self, headers: dict[str, str], receive: Receive) -> None:
        self._headers = headers
        self._receive = receive

    async def read(self) -> bytes:
        """Return it. Raises `Refused`: `body_too_large`, `too_slow`."""
        if "transfer-encoding" not in self._headers:
            check_length(self._headers.get("content-length"))
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                return await self._whole()
        except TimeoutError:
            raise Refused("too_slow") from None

    async def _whole(self) -> bytes:
        body: bytes = b""
        while True:
            message = await self._receive()
            if message["type"] != "http.request":
                raise ClientLeftError
            body += message.get("body", b"")
            if len(body) > MAX_BODY_BYTES:
                raise Refused("body_too_large")
            if not message.get("more_body", False):
                return body
