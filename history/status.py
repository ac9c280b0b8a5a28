"""The operator's page at `/status`, and what it shows: `/status.json`. Only where LIVECOMMENTS_STATUS_PAGE is set.

However many look, the parts are asked once in `FRESH_S`.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Final

import aiohttp
import orjson
from quart import Quart, Response

from history.parts import TIMEOUT_S, ask, read_places

FRESH_S: Final = 1.0


class Status:
    """Collects how the parts are, for whoever asks."""

    def __init__(self, cluster_file: Path) -> None:
        self._cluster_file = cluster_file
        self._session: aiohttp.ClientSession | None = None
        self._asking: asyncio.Task[bytes] | None = None
        self._asked_at = 0.0

    def add_routes(self, app: Quart) -> None:
        """Add the route to an app; HEAD comes with it."""

        @app.get("/status.json")
        async def get_status() -> Response:
            response = Response(await self.body(), content_type="application/json")
            response.headers["Cache-Control"] = "no-store"
            return response

    async def body(self) -> bytes:
        """Return the newest answer; several who ask at once get the same."""
        loop = asyncio.get_running_loop()
        if self._asking is None or (self._asking.done() and loop.time() - self._asked_at >= FRESH_S):
            self._asked_at = loop.time()
            self._asking = loop.create_task(self._ask())
        return await asyncio.shield(self._asking)

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
