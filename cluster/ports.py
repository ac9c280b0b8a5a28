"""Ports that stay ours while a part restarts.

Each part keeps its address for the whole run. A port out of the kernel's range for outgoing connections could be taken
by any connection in the moment in which its part is being started again, so ports are picked outside that range.
"""

from __future__ import annotations

import random
import socket
from pathlib import Path
from typing import Final

from cluster.errors import PortError

LOOPBACK: Final = "127.0.0.1"
LOWEST_PORT: Final = 10_000  # below are the well-known ports of other programs
HIGHEST_PORT: Final = 65_535
MAX_TRIES: Final = 1_000

_RANGE_FILE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")


class Ports:
    """Picks free ports, no port twice."""

    def __init__(self, *taken: int) -> None:
        self._picked = set(taken)
        self._candidates = candidates(outgoing_range())

    def pick(self) -> int:
        """Return a port on which nothing listens on the loopback address. Raises `PortError`."""
        for _ in range(MAX_TRIES):
            port = random.choice(self._candidates)  # noqa: S311  not a secret
            if port not in self._picked and is_free(port):
                self._picked.add(port)
                return port
        raise PortError("no free port was found on this machine")


def candidates(outgoing: tuple[int, int]) -> range:
    """Return the larger of the ranges below and above that of outgoing connections; all ports where none is left."""
    low, high = outgoing
    below, above = range(LOWEST_PORT, low), range(high + 1, HIGHEST_PORT + 1)
    return max(below, above, key=len) or range(LOWEST_PORT, HIGHEST_PORT + 1)


def outgoing_range() -> tuple[int, int]:
    """Return the first and last port that the kernel gives to outgoing connections."""
    try:
        low, high = _RANGE_FILE.read_text(encoding="ascii").split()
    except OSError:
        return 32_768, 60_999  # Linux's default
    return int(low), int(high)


def is_free(port: int) -> bool:
    """Return whether a server could listen on this port of the loopback address now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do it: connections that wait out TIME_WAIT from an earlier run do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def check_public_port(port: int, setting: str) -> None:
    """Raise `PortError` unless the gateway can have the port."""
    if port < 1024:
        # Whether that is allowed is the gateway's to find out: it depends on the user and on a kernel setting.
        return
    if not is_free(port):
        raise PortError(f"port {port} is taken: set {setting} to another one, or end the program that has it")
