"""The operator's page at `/status`, and what it shows: `/status.json`. Only where LIVECOMMENTS_STATUS_PAGE is set.

However many look, the parts are asked once in `FRESH_S`. While nobody looks they are asked every `KEEP_EVERY_S`, and
what they said in the last `KEPT_S` is kept, so that whoever comes sees what led to what there is now.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import aiohttp
import orjson
from quart import Quart, Response, request

from history.parts import TIMEOUT_S, ask, read_places
from runtime.cancelling import end_if_cancelled
from wire.problem import Refused

FRESH_S: Final = 1.0
KEPT_S: Final = 300.0
KEEP_EVERY_S: Final = 10.0
PATHS: Final = ("/status", "/status.json", "/status/past.json")


class Status:
    """Collects how the parts are, for whoever asks."""

    def __init__(self, cluster_file: Path, origins: Iterable[str] = ()) -> None:
        self._cluster_file = cluster_file
        self._hosts = frozenset(filter(None, (urlsplit(origin).hostname for origin in origins)))
        self._session: aiohttp.ClientSession | None = None
        self._asking: asyncio.Task[bytes] | None = None
        self._asked_at = 0.0
        self._past: deque[bytes] = deque(maxlen=round(KEPT_S / KEEP_EVERY_S))  # answers, the oldest first

    def add_routes(self, app: Quart) -> None:
        """Add the routes to an app; HEAD comes with them."""

        @app.before_request
        async def check_host() -> None:
            if request.path in PATHS and not self.is_ours(request.host):
                raise Refused("foreign_host")

        @app.get("/status.json")
        async def get_status() -> Response:
            return _json(await self.body())

        @app.get("/status/past.json")
        async def get_past() -> Response:
            return _json(b"[" + b",".join(self._past) + b"]")

    def is_ours(self, host: str) -> bool:
        """Whether a `Host` is one of this machine's own, or of an origin that was set.

        A page of somebody else whose name leads here (DNS rebinding) is of one origin with this service as far as the
        browser is concerned, and could read along; its name is what gives it away.
        """
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        with contextlib.suppress(ValueError):
            return ipaddress.ip_address(name).is_loopback or name in self._hosts
        return name == "localhost" or name in self._hosts

    async def body(self) -> bytes:
        """Return the newest answer; several who ask at once get the same."""
        loop = asyncio.get_running_loop()
        if self._asking is None or (self._asking.done() and loop.time() - self._asked_at >= FRESH_S):
            self._asked_at = loop.time()
            self._asking = loop.create_task(self._ask())
        return await asyncio.shield(self._asking)

    async def keep(self) -> None:
        """Ask every `KEEP_EVERY_S`, for ever, and keep the answers."""
        while True:
            end_if_cancelled()
            self._past.append(await self.body())
            await asyncio.sleep(KEEP_EVERY_S)

    async def stop(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _ask(self) -> bytes:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_S), cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
            )
        session = self._session
        conditions = await asyncio.gather(*(ask(session, place) for place in read_places(self._cluster_file)))
        parts = [condition.document() for condition in conditions]
        return orjson.dumps({"at": int(time.time() * 1000), "parts": parts})


def _json(body: bytes) -> Response:
    response = Response(body, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response
