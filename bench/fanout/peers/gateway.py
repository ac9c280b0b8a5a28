"""The gateway before this edge: what it costs to hand a frame on. A plain HAProxy, as it stands in compose."""

from __future__ import annotations

from typing import Final

from bench.fanout.lab import Lab
from bench.fanout.peers.ours import Ours
from bench.fanout.peers.peer import Peer
from cluster import binaries

MAXCONN: Final = 9_000  # two files each
_CONFIG: Final = """
global
    maxconn {maxconn}
    nbthread 1
defaults
    mode http
    option http-no-delay
    timeout connect 1s
    timeout client 60s
    timeout server 60s
frontend public
    bind 127.0.0.1:{port}
    default_backend edge
backend edge
    server edge 127.0.0.1:{edge}
"""


class Gateway(Peer):
    """HAProxy alone counts; the edge behind it is on the same core."""

    name = "the gateway before it"

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab)
        self._edge = Ours(lab)

    async def start(self) -> None:
        """Start both."""
        await self._edge.start()
        config = self.folder / "haproxy.cfg"
        config.write_text(_CONFIG.format(maxconn=MAXCONN, port=self.port, edge=self._edge.port), "utf-8")
        await self.run(str(binaries.haproxy()), "-db", "-f", str(config))

    async def stop(self) -> None:
        """End both."""
        await super().stop()
        await self._edge.stop()
