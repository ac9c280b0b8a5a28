"""Asking over HTTP whether a part is there."""

from __future__ import annotations

from typing import Final

import aiohttp

PROBE_TIMEOUT_S: Final = 2.0


async def status(session: aiohttp.ClientSession, method: str, url: str) -> int | None:
    """Return the status of an answer, whose body is not read; None when there is none in time."""
    try:
        async with session.request(
            method,
            url,
            timeout=aiohttp.ClientTimeout(total=PROBE_TIMEOUT_S),
            allow_redirects=False,
            ssl=False,  # parts of this machine: a certificate made for their public name does not name 127.0.0.1
        ) as response:
            return response.status
    except (aiohttp.ClientError, OSError, TimeoutError):
        return None
