"""Centrifugo (version 6) over its unidirectional SSE transport, where it is on the PATH."""

from __future__ import annotations

import shutil

import aiohttp
import orjson

from bench.fanout.peers.peer import Peer


class Centrifugo(Peer):
    """Centrifugo with its memory engine."""

    name = "Centrifugo"
    # The connect command is JSON: a subscription to one channel.
    path = "/connection/uni_sse?cf_connect=%7B%22subs%22%3A%7B%22room-%d%22%3A%7B%7D%7D%7D"

    @classmethod
    def missing(cls) -> str | None:
        """It is there when its program is."""
        return None if shutil.which("centrifugo") else "centrifugo is not on the PATH"

    async def start(self) -> None:
        """Start it."""
        config = self.folder / "config.json"
        config.write_bytes(
            orjson.dumps(
                {
                    "http_server": {"address": "127.0.0.1", "port": self.port},
                    "http_api": {"insecure": True},
                    "client": {"insecure": True, "allow_anonymous_connect_without_token": True},
                    "channel": {"without_namespace": {"allow_subscribe_for_client": True}},
                    "uni_sse": {"enabled": True},
                    "log": {"level": "warn"},
                }
            )
        )
        await self.run("centrifugo", "--config", str(config), env={"GOMAXPROCS": "1"})
        # One connection: comments go out in the order of their numbers.
        self._web = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1))

    async def stop(self) -> None:
        """End it."""
        await self._web.close()
        await super().stop()

    async def publish(self, video: str, text: str) -> None:
        """Ask its HTTP interface to."""
        body = {"channel": video, "data": orjson.loads(self.event(text)[1])}
        async with self._web.post(f"http://127.0.0.1:{self.port}/api/publish", json=body) as answer:
            answer.raise_for_status()
