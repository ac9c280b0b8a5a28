"""`GET /comments/{video}`: pages by cursor, in both directions, and by time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qsl

from quart import Quart
from werkzeug.http import parse_etags

from history.archive import Archive
from history.metrics import WITHOUT_POSTGRES
from history.moderation import Moderation
from history.newest import Newest, NothingKnownError
from history.page_body import Page, page
from history.shared_reads import SharedReads
from runtime.credentials import Credentials
from runtime.exchange import SECURITY_FIELDS, Answer, Asked
from runtime.hot_route import add_hot_route
from runtime.jetstream import StoreError
from runtime.postgres import ArchiveAwayError
from runtime.settings import Settings
from wire.page import PageRequest, parse_page_request
from wire.problem import Refused
from wire.video import check_video, shard_of

PRIVATE: Final = b"private, no-cache"
# Where reading is public, shared caches may answer for us: the newest page for a second, a page behind a cursor, which
# changes only when something in it is deleted, a little longer.
PUBLIC_NEWEST: Final = b"public, max-age=1"
PUBLIC_BEHIND: Final = b"public, max-age=5"
AWAY_S: Final = 1.0  # for which nobody waits for Postgres who can do without, once it was away
MAX_ATTEMPTS: Final = 5  # to read a page, while moderators change the state of its video
MAX_CACHED_QUERIES: Final = 4_096
MAX_CACHED_QUERY_BYTES: Final = 100

_JSON: Final = (b"content-type", b"application/json; charset=utf-8")


class Pages:
    """Serves pages of a video's comments."""

    def __init__(self, settings: Settings, archive: Archive, credentials: Credentials, moderation: Moderation) -> None:
        self._archive = archive
        self._credentials = credentials
        self._moderation = moderation
        self._public = settings.public_read
        self._shards = settings.shards
        self._through = [0] * settings.shards
        self._reads: SharedReads[Page] = SharedReads(lambda found: len(found.body))
        self._away_until_s = 0.0
        self.newest: Newest | None = None  # once NATS is reached

    def add_routes(self, app: Quart) -> None:
        """Add the route to an app; HEAD comes with it."""
        add_hot_route(app, "GET", self.answer)

    async def answer(self, asked: Asked) -> Answer:
        """Return the page that is asked for, or that it has not changed. Raises `Refused`."""
        video = check_video(asked.video)
        identity = self._credentials.reader(asked.method, asked.headers, asked.cookies, video)
        await self._moderation.check_reader(video, identity)
        wanted = _wanted(asked.query)
        shard = shard_of(video, self._shards)
        # What has a number below one that is archived is all there.
        settled = wanted.sort == "desc" and wanted.cursor is not None and wanted.cursor <= self._through[shard]
        found = await self._found(shard, video, wanted, settled=settled)
        fields = ((b"etag", b'"%b"' % found.etag.encode()), (b"cache-control", self._caching(wanted)), *SECURITY_FIELDS)
        seen = asked.headers.get("if-none-match")
        if seen is not None and parse_etags(seen).contains_weak(found.etag):
            return Answer(304, fields, b"")
        return Answer(200, (_JSON, *fields), found.body)

    def archived(self, shard: int, through: int) -> None:
        """Note how far a shard is in Postgres."""
        if 0 <= shard < len(self._through):
            self._through[shard] = max(self._through[shard], through)

    async def _found(self, shard: int, video: str, wanted: PageRequest, *, settled: bool) -> Page:
        """Return the page; one that was read before moderators removed something is not given any more."""
        for _ in range(MAX_ATTEMPTS):
            version = self._moderation.version(video)
            key = (video, wanted, version)
            found = await self._reads.get(key, lambda: self._read(shard, video, wanted), settled=settled)
            if self._moderation.version(video) == version:
                return found
        raise Refused("unavailable")

    async def _read(self, shard: int, video: str, wanted: PageRequest) -> Page:
        is_newest = wanted.sort == "desc" and wanted.cursor is None and wanted.at_ms is None
        if is_newest and self._loop_time() < self._away_until_s:
            with contextlib.suppress(Refused):
                return await self._read_without_postgres(shard, video, wanted.limit)
        try:
            rows = await self._archive.page(shard, video, wanted, self._through[shard])
        except ArchiveAwayError:
            if not is_newest or not self._archive.reached:
                raise Refused("unavailable") from None
            self._away_until_s = self._loop_time() + AWAY_S
            return await self._read_without_postgres(shard, video, wanted.limit)
        self._away_until_s = 0.0
        if is_newest and self.newest is not None:
            self.newest.remember(video, rows, wanted.limit)
        return page(self._moderation.applied(video, rows), wanted.limit)

    async def _read_without_postgres(self, shard: int, video: str, limit: int) -> Page:
        if self.newest is None:
            raise Refused("unavailable")
        try:
            found = await self.newest.read(shard, video, limit)
        except (StoreError, NothingKnownError, ValueError):
            raise Refused("unavailable") from None
        WITHOUT_POSTGRES.inc()
        return page(self._moderation.applied(video, found.rows), limit, more=found.more)

    def _loop_time(self) -> float:
        return asyncio.get_running_loop().time()

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
