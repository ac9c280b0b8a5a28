"""The connections between any two parts, each through a proxy of its own; a process that has them all.

A link is named after who dials and who is dialled, as `writer-nats`.
"""

from __future__ import annotations

from typing import Any, Final

from faults.proxy import Proxy, Silent
from faults.worker import obey

LOOPBACK: Final = "127.0.0.1"

_links: dict[str, Proxy] = {}


async def open_links(links: dict[str, dict[str, int]]) -> None:
    """Open links: each has a `port` to listen on, and the `target` port that it leads to."""
    for name, link in links.items():
        _links[name] = Proxy((LOOPBACK, link["target"]), link["port"])
        await _links[name].start()


async def cut(link: str) -> int:
    """Reset a link's connections. Returns how many there were."""
    there = _links[link].connections
    _links[link].cut()
    return there


async def refuse(link: str) -> int:
    """Reset a link's connections and refuse new ones. Returns how many there were."""
    there = _links[link].connections
    _links[link].refuse()
    return there


async def silence(link: str, way: str) -> int:
    """Let nothing through. Returns how many connections there were."""
    _links[link].silence(Silent(way))
    return _links[link].connections


async def heal(link: str) -> float | None:
    """Let everything through again. Returns when all silent connections had been given up, in seconds."""
    noticed_s = _links[link].noticed_s
    await _links[link].heal()
    return noticed_s


async def connections() -> dict[str, int]:
    """Return how many connections each link has."""
    return {name: link.connections for name, link in _links.items()}


_ORDERS: Final[dict[str, Any]] = {
    "open": open_links,
    "cut": cut,
    "refuse": refuse,
    "silence": silence,
    "heal": heal,
    "connections": connections,
}

if __name__ == "__main__":
    obey(_ORDERS)
