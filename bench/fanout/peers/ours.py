"""This edge, as `livecomments edge` runs it."""

from __future__ import annotations

import asyncio
import secrets
import sys
from typing import Final

import aiohttp

from bench.fanout.peers.peer import Counted, Peer
from runtime.settings import PREFIX, Settings

READY_TIMEOUT_S: Final = 15
_METRICS: Final = ('livecomments_comments_total{milestone="delivered"}', "livecomments_writes_total")


class Ours(Peer):
    """This edge. Its limits are off: the load comes from one address, and nobody is to be sampled."""

    name = "this edge"

    async def start(self) -> None:
        """Start it."""
        secret = self.folder / "secret"
        secret.write_text(secrets.token_hex(32), "ascii")
        wanted = {
            "NATS_URL": self.lab.store.url,
            "TOKEN_SECRET_FILE": str(secret),
            "SHARDS": "1",
            "LISTEN": f"127.0.0.1:{self.port}",
            "PUBLIC_READ": "1",
            "STREAMS_PER_ADDRESS": "0",
            "STREAMS_PER_USER": "0",
            "STREAMS_PER_EDGE": "0",
            "VIDEOS_PER_EDGE": "0",
            "READABLE_RATE": "0",
        }
        env = {PREFIX + name: value for name, value in wanted.items() if name.lower() in Settings.model_fields}
        await self.run(sys.executable, "-m", "livecomments", "edge", env=env)
        async with asyncio.timeout(READY_TIMEOUT_S):
            while await self._get("/readyz") is None:  # noqa: ASYNC110  it is another process
                await asyncio.sleep(0.05)

    async def counted(self) -> Counted | None:
        """Return what its metrics say."""
        found: dict[str, float] = {}
        for line in (await self._get("/metrics") or "").splitlines():
            name, _, value = line.rpartition(" ")
            if name in _METRICS:
                found[name] = float(value)
        return Counted(*(found[name] for name in _METRICS)) if len(found) == len(_METRICS) else None

    async def _get(self, path: str) -> str | None:
        async with aiohttp.ClientSession() as web, web.get(f"http://127.0.0.1:{self.port}{path}") as answer:
            return await answer.text() if answer.status == 200 else None
