"""nchan, the module of nginx, from Debian's packages."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from pathlib import Path
from typing import Final

import aiohttp

from bench.fanout.peers.peer import Peer

CLOSE_TIMEOUT_S: Final = 2
MODULE: Final = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
_CONFIG: Final = """
load_module {module};
{user}
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {folder}/pid;
error_log {folder}/log warn;
events {{ worker_connections 19000; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location ~ ^/comments/([^/]+)/stream$ {{
      nchan_subscriber eventsource;
      nchan_channel_id $1;
      nchan_subscriber_first_message newest;
    }}
    location ~ ^/publish/(.+)$ {{
      nchan_publisher websocket;
      nchan_channel_id $1;
      nchan_message_buffer_length 100;
    }}
  }}
}}
"""


class Nchan(Peer):
    """One worker of nginx with nchan."""

    name = "nchan (nginx)"

    @classmethod
    def missing(cls) -> str | None:
        """It is there when both packages are."""
        return None if _nginx() and MODULE.exists() else "apt-get install nginx libnginx-mod-nchan"

    async def start(self) -> None:
        """Start it."""
        config = self.folder / "nginx.conf"
        user = "user root;" if os.getuid() == 0 else ""  # its own folder is closed to others
        config.write_text(_CONFIG.format(module=MODULE, user=user, folder=self.folder, port=self.port), "utf-8")
        await self.run(_nginx() or "nginx", "-c", str(config), "-p", str(self.folder))
        self._web = aiohttp.ClientSession()
        self._channels: dict[str, aiohttp.ClientWebSocketResponse] = {}
        self._reading: list[asyncio.Task[None]] = []

    async def stop(self) -> None:
        """End it."""
        for reading in self._reading:
            reading.cancel()
        await asyncio.gather(*self._reading, return_exceptions=True)
        for channel in self._channels.values():
            with contextlib.suppress(TimeoutError, OSError):
                await asyncio.wait_for(channel.close(), CLOSE_TIMEOUT_S)
        await self._web.close()
        await super().stop()

    async def publish(self, video: str, text: str) -> None:
        """Send it to the channel, over one connection for each, which keeps the order."""
        if video not in self._channels:
            channel = await self._web.ws_connect(f"http://127.0.0.1:{self.port}/publish/{video}")
            self._channels[video] = channel
            self._reading.append(asyncio.create_task(_read_answers(channel)))
        _, data = self.event(text)
        await self._channels[video].send_str(data.decode())

    def pids(self) -> list[int]:
        """Return the worker's: the master does nothing."""
        master = super().pids()[0]
        return [int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text("ascii").split()]


async def _read_answers(channel: aiohttp.ClientWebSocketResponse) -> None:
    async for _ in channel:
        pass  # one to each message, which would fill the connection if nobody read them


def _nginx() -> str | None:
    return shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
