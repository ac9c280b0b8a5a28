"""The gateway on this machine: HAProxy with the configuration that compose has too."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp

from cluster import binaries, probe
from cluster.child import Program
from cluster.ports import LOOPBACK
from runtime import assets
from runtime.settings import Settings

MAX_CONNECTIONS: Final = 9_900
FILES_A_CONNECTION: Final = 2  # the client's and the server's
SPARE_FILES: Final = 200  # listeners, health checks, idle connections to the parts
STOP_WAIT_S: Final = 5.0  # a little more than the configuration's hard-stop-after
START_LIMIT_S: Final = 30.0

# One request for each kind of part behind it. None carries a token, and a refusal is an answer.
PROBES: Final = (("POST", "/comments/probe"), ("GET", "/comments/probe/snapshot"), ("GET", "/comments/probe"))


@dataclass(frozen=True, slots=True)
class Https:
    """HTTPS, with HTTP/2: its port, and the file with the certificate and its key. `only`: plain HTTP redirects."""

    port: int
    certificate: Path
    only: bool = False

    @property
    def url(self) -> str:
        """Return the public address."""
        return f"https://{LOOPBACK}:{self.port}"


@dataclass(frozen=True, slots=True)
class Gateway:
    """HAProxy: its public port, the addresses (`host:port`) of the parts behind it, and HTTPS where it has that."""

    port: int
    writers: Sequence[str]
    edges: Sequence[str]
    histories: Sequence[str]
    rules: Mapping[str, str] = field(default_factory=dict)  # more variables of the configuration: `rules_of`
    https: Https | None = None

    @property
    def url(self) -> str:
        """Return the public address."""
        if self.https is not None and self.https.only:
            return self.https.url
        return f"http://{LOOPBACK}:{self.port}"

    def program(self) -> Program:
        """Return how to run it."""
        return Program(
            name="gateway",
            command=(str(binaries.haproxy()), "-db", "-f", str(assets.folder("gateway") / "haproxy.cfg")),
            environment={"PATH": os.environ.get("PATH", os.defpath), **self.environment()},
            stop_signal=signal.SIGUSR1,  # no new connections; those that are open come to their end
            stop_wait_s=STOP_WAIT_S,
        )

    def environment(self) -> dict[str, str]:
        """Return the variables of the configuration."""
        variables = {"GATEWAY_BIND": f"{LOOPBACK}:{self.port}", "GATEWAY_MAXCONN": str(max_connections())}
        for name, addresses in (("WRITER", self.writers), ("EDGE", self.edges), ("HISTORY", self.histories)):
            variables.update({f"{name}_{number}": address for number, address in enumerate(addresses, start=1)})
        if self.https is not None:
            variables["GATEWAY_TLS_BIND"] = f"{LOOPBACK}:{self.https.port}"
            variables["GATEWAY_TLS_CERT"] = str(self.https.certificate)
            variables["GATEWAY_TLS_PORT"] = str(self.https.port)
            variables["GATEWAY_HTTPS_ONLY"] = "1" if self.https.only else "0"
        return {**variables, **self.rules}

    async def is_ready(self, session: aiohttp.ClientSession) -> bool:
        """Return whether a request to each kind of part would be answered by it."""
        for method, path in PROBES:
            status = await probe.status(session, method, self.url + path)
            if status is None or status >= 500:
                return False
        return True


def rules_of(settings: Settings) -> dict[str, str]:
    """Return what settings mean for the gateway. A variable that is left out stands for no limit, or for nobody."""
    others = ("*",) if "*" in settings.cors_origins else settings.cors_origins
    rules = {
        "GATEWAY_REQUESTS_PER_10S": round(settings.requests_per_address * 10),
        "GATEWAY_STREAMS_PER_ADDRESS": settings.open_per_address,
        "GATEWAY_PROXIES": " ".join(settings.gateway_proxies),
        "GATEWAY_HSTS_S": settings.hsts_s,
        "GATEWAY_ORIGINS": " ".join(settings.origins),
        "GATEWAY_CORS_ORIGINS": " ".join(others),
    }
    return {name: str(value) for name, value in rules.items() if value}


def max_connections() -> int:
    """Return how many connections the gateway may hold with the files that a process may open here."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(1, min(MAX_CONNECTIONS, (hard - SPARE_FILES) // FILES_A_CONNECTION))
