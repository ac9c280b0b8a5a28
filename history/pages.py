"""`GET /comments/{video}`: pages by cursor, in both directions, and by time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qsl

from quart import Quart
from werkzeug.http import parse_etags

from history.archive import Archive
from history.page_body import page
from runtime.credentials import Credentials
from runtime.exchange import SECURITY_FIELDS, Answer, Asked
from runtime.hot_route import add_hot_route
from runtime.postgres import ArchiveAwayError
from runtime.settings import Settings
from runtime.tokens import Tokens
from wire.page import PageRequest, parse_page_request
from wire.problem import Refused
from wire.video import check_video, shard_of

PRIVATE: Final = b"private, no-cache"
# Where reading is public, shared caches may answer for us: the newest page for a second, a page behind a cursor, which
# changes only when something in it is deleted, a little longer.
PUBLIC_NEWEST: Final = b"public, max-age=1"
PUBLIC_BEHIND: Final = b"public, max-age=5"
MAX_CACHED_QUERIES: Final = 4_096
MAX_CACHED_QUERY_BYTES: Final = 100

_JSON: Final = (b"content-type", b"application/json; charset=utf-8")


class Pages:
    """Serves pages of a video's comments."""

    def __init__(self, settings: Settings, archive: Archive) -> None:
        self._archive = archive
        self._credentials = Credentials(settings, Tokens(settings))
        self._public = settings.public_read
        self._shards = settings.shards

    def add_routes(self, app: Quart) -> None:
        """Add the route to an app; HEAD comes with it."""
        add_hot_route(app, "GET", self.answer)

    async def answer(self, asked: Asked) -> Answer:
        """Return the page that is asked for, or that it has not changed. Raises `Refused`."""
        video = check_video(asked.video)
        self._credentials.reader(asked.method, asked.headers, asked.cookies, video)
        wanted = _wanted(asked.query)
        try:
            rows = await self._archive.page(shard_of(video, self._shards), video, wanted)
        except ArchiveAwayError:
            raise Refused("unavailable") from None
        found = page(rows, wanted.limit)
        fields = ((b"etag", b'"%b"' % found.etag.encode()), (b"cache-control", self._caching(wanted)), *SECURITY_FIELDS)
        seen = asked.headers.get("if-none-match")
        if seen is not None and parse_etags(seen).contains_weak(found.etag):
            return Answer(304, fields, b"")
        return Answer(200, (_JSON, *fields), found.body)

    def _caching(self, wanted: PageRequest) -> bytes:
        if not self._public:
            return PRIVATE
        newest = wanted.sort == "asc" or (wanted.cursor is None and wanted.at_ms is None)
        return PUBLIC_NEWEST if newest else PUBLIC_BEHIND


def _wanted(query: bytes) -> PageRequest:
    """Return what the query asks for; other names in it mean nothing here. Raises `Refused`."""
    return _read(query) if len(query) <= MAX_CACHED_QUERY_BYTES else _read.__wrapped__(query)


@lru_cache(MAX_CACHED_QUERIES)
def _read(query: bytes) -> PageRequest:
    # As Quart reads it: what is no UTF-8 is read as the percent-encoding that it came in, and then refused.
    fields = parse_qsl(query.decode(errors="werkzeug.url_quote"), keep_blank_values=True, errors="werkzeug.url_quote")
    return parse_page_request(*(_one(fields, name) for name in ("cursor", "at", "limit", "sort")))


def _one(fields: Sequence[tuple[str, str]], name: str) -> str | None:
    """Return a parameter's one value. Given twice it is malformed, as either value may be the one that was meant."""
    return ",".join(values) if (values := [value for field, value in fields if field == name]) else None
