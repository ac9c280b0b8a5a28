"""`GET /comments/{video}`: pages by cursor, in both directions, and by time."""

from __future__ import annotations

from typing import Final

from quart import Quart, Request, Response, request

from history.archive import Archive
from history.page_body import page
from runtime.credentials import Credentials
from runtime.postgres import ArchiveAwayError
from runtime.settings import Settings
from runtime.tokens import Tokens
from wire.page import PageRequest, parse_page_request
from wire.problem import Refused
from wire.video import check_video, shard_of

PRIVATE: Final = "private, no-cache"
# Where reading is public, shared caches may answer for us: the newest page for a second, a page behind a cursor, which
# changes only when something in it is deleted, a little longer.
PUBLIC_NEWEST: Final = "public, max-age=1"
PUBLIC_BEHIND: Final = "public, max-age=5"


class Pages:
    """Serves pages of a video's comments."""

    def __init__(self, settings: Settings, archive: Archive) -> None:
        self._archive = archive
        self._credentials = Credentials(settings, Tokens(settings))
        self._public = settings.public_read
        self._shards = settings.shards

    def add_routes(self, app: Quart) -> None:
        """Add the route to an app; HEAD comes with it."""

        @app.get("/comments/<video>")
        async def get_comments(video: str) -> Response:
            return await self._answer(request, video)

    async def _answer(self, asked: Request, video: str) -> Response:
        check_video(video)
        self._credentials.reader(asked.method, asked.headers, asked.cookies, video)
        wanted = _wanted(asked)
        try:
            rows = await self._archive.page(shard_of(video, self._shards), video, wanted)
        except ArchiveAwayError:
            raise Refused("unavailable") from None
        found = page(rows, wanted.limit)
        fresh = asked.if_none_match.contains_weak(found.etag)
        response = (
            Response(b"", 304) if fresh else Response(found.body, 200, content_type="application/json; charset=utf-8")
        )
        if fresh:
            del response.headers["Content-Type"]
        response.set_etag(found.etag)
        response.headers["Cache-Control"] = self._caching(wanted)
        return response

    def _caching(self, wanted: PageRequest) -> str:
        if not self._public:
            return PRIVATE
        newest = wanted.sort == "asc" or (wanted.cursor is None and wanted.at_ms is None)
        return PUBLIC_NEWEST if newest else PUBLIC_BEHIND


def _wanted(asked: Request) -> PageRequest:
    """Return what the query asks for; other names in it mean nothing here. Raises `Refused`."""
    return parse_page_request(*(_one(asked, name) for name in ("cursor", "at", "limit", "sort")))


def _one(asked: Request, name: str) -> str | None:
    """Return a parameter's one value. Given twice it is malformed, as either value may be the one that was meant."""
    values = asked.args.getlist(name)
    return values[0] if len(values) == 1 else (",".join(values) if values else None)
