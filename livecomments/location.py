"""Where a video's stream is opened: at the service's own address, or at the edge that has the video.

The service is asked for the edge anew each time; one that could not be reached is named again only if there is no
other. Who cannot reach edges, as behind some firewalls, goes through the service's own address.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

import aiohttp
import orjson
from yarl import URL

UNREACHED_AT_MOST: Final = 2  # edges in a row
AGAIN_AFTER_S: Final = 600  # then it looks whether edges can be reached now
ANSWER_TIMEOUT_S: Final = 5


class Location:
    """The address of one video's stream."""

    def __init__(self, service: str, video: str, *, direct: bool) -> None:
        self._own = f"{service}/comments/{video}/stream"
        self._direct = direct
        self._avoid: str | None = None
        self._unreached = 0
        self._not_before = 0.0

    async def find(self, session: aiohttp.ClientSession, headers: Mapping[str, str]) -> str:
        """Return where to open the stream now; the service's own address at a loss. `headers` carry the token."""
        if not self._direct or time.monotonic() < self._not_before:
            return self._own
        try:
            async with session.get(
                f"{self._own}/location",
                params={"avoid": self._avoid} if self._avoid else {},
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=ANSWER_TIMEOUT_S),
            ) as response:
                url = URL(orjson.loads(await response.read())["url"]) if response.status == 200 else URL()
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError, TypeError):
            return self._own
        return str(url) if url.host else self._own

    def reached(self) -> None:
        """What was found could be opened."""
        self._unreached = 0
        self._avoid = None

    def unreached(self, url: str) -> None:
        """What was found could not be reached."""
        if url == self._own:
            return
        self._avoid = str(URL(url).origin())
        self._unreached += 1
        if self._unreached >= UNREACHED_AT_MOST:
            self.reached()
            self._not_before = time.monotonic() + AGAIN_AFTER_S
