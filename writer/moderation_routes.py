"""The addresses of moderation: `/comments/{video}/{commentId}` and what lies below `/videos/{video}`."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Final, cast

from quart import Quart, Response, request
from werkzeug.routing import BaseConverter

from runtime.exchange import Answer, answer
from runtime.hot_route import to_response
from runtime.tokens import UnknownKeyError
from wire.problem import Refused
from writer.limits import Limits
from writer.moderating import Done, Moderating, Request
from writer.posting import JSON, check_json_type

_FIELDS: Final = answer(200, JSON.encode(), b"no-store", b"").fields

Way = Callable[[Moderating, Request], Awaitable[Done]]


class _Number(BaseConverter):
    """Digits, as many as the number of a comment can have: `/comments/{video}/stream` is no address of a comment."""

    regex = "[0-9]{1,16}"


def add_moderation_routes(app: Quart, limits: Limits, moderating: Callable[[], Moderating | None]) -> None:
    """Add the routes to an app. `moderating` returns what takes the requests, None before the service has started."""

    async def do(video: str, way: Way) -> Response:
        limits.take_address(request.remote_addr or "", time.monotonic_ns())
        takes = moderating()
        if takes is None:
            raise Refused("unavailable")
        body = cast("bytes", await request.get_data(cache=False))
        if body:
            check_json_type(request.headers.get("Content-Type"))
        asked = Request(request.method, video, request.headers, request.cookies, body)
        try:
            done = await way(takes, asked)
        except UnknownKeyError as unknown:
            await unknown.wait()
            done = await way(takes, asked)  # nothing was done: who speaks is looked at before
        return to_response(Answer(done.status, _FIELDS, b'{"id":"%d"}' % done.number))

    app.url_map.converters["number"] = _Number

    @app.delete("/comments/<video>/<number:comment>")
    async def delete_comment(video: str, comment: str) -> Response:
        return await do(video, lambda takes, asked: takes.delete(asked, comment))

    @app.put("/videos/<video>/bans/<path:user>")
    async def put_ban(video: str, user: str) -> Response:
        return await do(video, lambda takes, asked: takes.ban(asked, user))

    @app.delete("/videos/<video>/bans/<path:user>")
    async def delete_ban(video: str, user: str) -> Response:
        return await do(video, lambda takes, asked: takes.unban(asked, user))

    @app.put("/videos/<video>")
    async def put_video(video: str) -> Response:
        return await do(video, lambda takes, asked: takes.set_state(asked))

    @app.put("/videos/<video>/words")
    async def put_words(video: str) -> Response:
        return await do(video, lambda takes, asked: takes.set_words(asked))
