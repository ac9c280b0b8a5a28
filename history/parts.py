"""The parts of the cluster on this machine, asked how they are: `/readyz` and `/metrics` of each.

Which parts there are stands in the cluster's file (`cluster.json`), written anew whenever a part is started again. That
file holds passwords: what is read out of it here is the host and port of each part, on this machine only, and no more.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import orjson

from history.samples import Samples, read_samples

TIMEOUT_S: Final = 1.0  # for a part's answer; a part that is slower than that is worth a look
MAX_PARTS: Final = 64
MAX_METRICS_BYTES: Final = 2 * 1024 * 1024
MAX_REASON_CHARACTERS: Final = 200

# Where the file has the parts that say how they are, and those that only take connections.
_PARTS: Final = {"writers": "writer", "archivers": "archiver", "edges": "edge", "histories": "history"}
_SERVERS: Final = {"gateway": "url", "nats": "url", "postgres": "dsn"}


@dataclass(frozen=True, slots=True)
class Place:
    """A part, or a server that parts use (`metrics` is False), and where it listens."""

    kind: str
    number: int  # among its kind, from 1 on
    host: str
    port: int
    metrics: bool

    @property
    def address(self) -> str:
        """Return host and port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Condition:
    """How a part is. `why` says what it lacks; `samples` is None where it has none to tell."""

    place: Place
    ready: bool
    why: str
    took_ms: float
    samples: Samples | None

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "kind": self.place.kind,
            "name": f"{self.place.kind}-{self.place.number}",
            "address": self.place.address,
            "ready": self.ready,
            "why": self.why,
            "tookMs": round(self.took_ms, 1),
            "values": self.samples.values if self.samples else {},
            "histograms": self.samples.histograms if self.samples else {},
        }


def read_places(file: Path) -> list[Place]:
    """Return the parts of the cluster on this machine. None while there is no cluster, or its file is not whole."""
    try:
        document = orjson.loads(file.read_bytes())
        places = [*_places(document)]
    except (OSError, orjson.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError):
        return []
    return places[:MAX_PARTS]


def _places(document: dict[str, Any]) -> Iterator[Place]:
    for key, kind in _PARTS.items():
        yield from _numbered(kind, [one["url"] for one in document[key]], metrics=True)
    for key, field in _SERVERS.items():
        found = document[key]
        yield from _numbered(
            key, [one[field] for one in (found if isinstance(found, list) else [found])], metrics=False
        )


def _numbered(kind: str, addresses: list[str], *, metrics: bool) -> Iterator[Place]:
    for number, address in enumerate(addresses, start=1):
        parts = urlsplit(address)
        if parts.hostname is not None and parts.port is not None and _is_here(parts.hostname):
            yield Place(kind, number, parts.hostname, parts.port, metrics)


def _is_here(host: str) -> bool:
    """Whether an address is this machine's own: nothing else is ever asked."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


async def ask(session: aiohttp.ClientSession, place: Place) -> Condition:
    """Return how a part is; within `TIMEOUT_S`, whatever it does."""
    began_s = time.perf_counter()
    samples: Samples | None = None
    try:
        async with asyncio.timeout(TIMEOUT_S):
            if place.metrics:
                ready, why = await _readiness(session, place)
                samples = await _metrics(session, place)
            else:
                _, writer = await asyncio.open_connection(place.host, place.port)
                writer.close()
                ready, why = True, ""
    except (OSError, TimeoutError, aiohttp.ClientError, ValueError) as error:
        ready, why = False, "no answer in time" if isinstance(error, TimeoutError) else "cannot be reached"
    return Condition(place, ready, why, (time.perf_counter() - began_s) * 1000, samples)


async def _readiness(session: aiohttp.ClientSession, place: Place) -> tuple[bool, str]:
    async with session.get(f"http://{place.address}/readyz", allow_redirects=False) as answer:
        said = await answer.content.read(MAX_REASON_CHARACTERS)
        return answer.status == 200, "" if answer.status == 200 else said.decode("utf-8", "replace").strip()


async def _metrics(session: aiohttp.ClientSession, place: Place) -> Samples:
    """Raises `ValueError` when what comes is too much, or no metrics."""
    async with session.get(f"http://{place.address}/metrics", allow_redirects=False) as answer:
        text = bytearray()
        async for piece in answer.content.iter_any():
            text += piece
            if len(text) > MAX_METRICS_BYTES:
                raise ValueError("more metrics than any part has")
    return read_samples(text.decode("utf-8"))
