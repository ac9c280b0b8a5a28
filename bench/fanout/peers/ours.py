"""This edge, as `livecomments edge` runs it."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import ClassVar, Final

import aiohttp

from bench.fanout.peers.peer import Counted, Peer
from runtime.settings import PREFIX, Settings
from runtime.tokens import Tokens

READY_TIMEOUT_S: Final = 15
TOKEN_S: Final = 600
_BYTES: Final = "livecomments_written_bytes_total"
_METRICS: Final = ('livecomments_comments_total{milestone="delivered"}', "livecomments_writes_total")


class Ours(Peer):
    """This edge. Its limits are off: the load comes from one address, and nobody is to be sampled."""

    name = "this edge"
    readable_rate = 0
    further: ClassVar[dict[str, str]] = {}  # settings

    async def start(self) -> None:
        """Start it."""
        self.secret = self.folder / "secret"
        self.secret.write_text(secrets.token_hex(32), "ascii")
        wanted = {
            "NATS_URL": self.lab.store.url,
            "TOKEN_SECRET_FILE": str(self.secret),
            "SHARDS": "1",
            "LISTEN": f"127.0.0.1:{self.port}",
            "PUBLIC_READ": "1",
            "STREAMS_PER_ADDRESS": "0",
            "STREAMS_PER_USER": "0",
            "STREAMS_PER_EDGE": "0",
            "VIDEOS_PER_EDGE": "0",
            "READABLE_RATE": str(self.readable_rate),
            **self.further,
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

    async def written_bytes(self) -> float:
        """Return the bytes that it has written to viewers so far."""
        lines = (await self._get("/metrics") or "").splitlines()
        return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{_BYTES} "))

    async def _get(self, path: str) -> str | None:
        async with aiohttp.ClientSession() as web, web.get(f"http://127.0.0.1:{self.port}{path}") as answer:
            return await answer.text() if answer.status == 200 else None


class Sampling(Ours):
    """This edge as it is by default: above the readable rate it shows a sample."""

    readable_rate = 20

    async def watch(self, stack: AsyncExitStack, video: str, users: Sequence[str]) -> None:
        """Have users watch a video, and one who is nobody in particular."""
        web = await stack.enter_async_context(aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)))
        tokens = Tokens(Settings(token_secret_file=self.secret))
        for user in (None, *users):
            fields = {} if user is None else {"Authorization": f"Bearer {tokens.issue(user, TOKEN_S)}"}
            answer = await web.get(f"http://127.0.0.1:{self.port}/comments/{video}/stream", headers=fields)
            reading = asyncio.create_task(_read_away(answer))
            stack.callback(reading.cancel)

    async def metric(self, name: str) -> float:
        """Return a figure out of its metrics."""
        lines = (await self._get("/metrics") or "").splitlines()
        return next((float(line.removeprefix(name)) for line in lines if line.startswith(f"{name} ")), 0.0)


async def _read_away(answer: aiohttp.ClientResponse) -> None:
    async for _ in answer.content.iter_any():
        pass
