"""The Mercure hub, where it is on the PATH."""

from __future__ import annotations

import secrets
import shutil
from typing import Final

import aiohttp
import jwt

from bench.fanout.peers.peer import Peer

_CONFIG: Final = """
{{
  auto_https off
  admin off
}}
http://127.0.0.1:{port} {{
  bind 127.0.0.1
  route {{
    mercure {{
      publisher_jwt {key}
      subscriber_jwt {key}
      anonymous
    }}
  }}
}}
"""


class Mercure(Peer):
    """The Mercure hub with its own store."""

    name = "Mercure"
    path = "/.well-known/mercure?topic=room-%d"

    @classmethod
    def missing(cls) -> str | None:
        """It is there when its program is."""
        return None if shutil.which("mercure") else "mercure is not on the PATH"

    async def start(self) -> None:
        """Start it."""
        key = secrets.token_hex(32)
        config = self.folder / "Caddyfile"
        config.write_text(_CONFIG.format(port=self.port, key=key), "utf-8")
        env = {"GOMAXPROCS": "1", "HOME": str(self.folder), "XDG_DATA_HOME": str(self.folder)}
        await self.run("mercure", "run", "--config", str(config), "--adapter", "caddyfile", env=env)
        token = jwt.encode({"mercure": {"publish": ["*"]}}, key, algorithm="HS256")
        # One connection: comments go out in the order of their numbers.
        self._web = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=1), headers={"Authorization": f"Bearer {token}"}
        )

    async def stop(self) -> None:
        """End it."""
        await self._web.close()
        await super().stop()

    async def publish(self, video: str, text: str) -> None:
        """POST it to the hub."""
        form = {"topic": video, "data": self.event(text)[1].decode()}
        async with self._web.post(f"http://127.0.0.1:{self.port}/.well-known/mercure", data=form) as answer:
            answer.raise_for_status()
