"""The networks: a bridge each, a namespace for each service, and links between them that can be cut.

A link that is cut carries nothing, and neither end is told: as when a switch fails. One way alone is cut by giving the
one end a wrong hardware address for the other.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from hosts.images import MissingError

_PREFIX: Final = "lch"  # of every namespace and device that is made here; the process id follows
_NOBODY: Final = "02:00:00:00:00:fe"  # the hardware address of none of them
_NAMESPACES: Final = Path("/run/netns")


class Network:
    """All networks of a compose file. `address_of` says where a service is on a network."""

    def __init__(self, networks: Iterable[str], members: Mapping[str, Iterable[str]]) -> None:
        """`members`: the networks of each service."""
        self._id = os.getpid()  # with it a device has at most the 15 characters that its name may have
        self._networks = list(networks)
        self._members = {service: list(on) for service, on in members.items()}
        self._order = list(self._members)

    def make(self) -> None:
        """Make everything. Raises `MissingError` where this machine does not let us."""
        _clean_up_after_the_dead()
        try:
            for number, network in enumerate(self._networks):
                _ip("link", "add", self._bridge(network), "type", "bridge", "forward_delay", "0")
                _ip("addr", "add", f"{self._subnet(number)}.1/24", "dev", self._bridge(network))
                _ip("link", "set", self._bridge(network), "up")
            for service in self._order:
                self._make_host(service)
        except (subprocess.CalledProcessError, FileNotFoundError) as error:
            said = (getattr(error, "stderr", None) or str(error)).strip()
            raise MissingError(f"network namespaces cannot be made (this needs root and iproute2): {said}") from None

    def remove(self) -> None:
        """Remove everything."""
        for service in self._order:
            _try("netns", "del", self.namespace(service))
        for network in self._networks:
            _try("link", "del", self._bridge(network))

    def namespace(self, service: str) -> str:
        """Return the name of a service's namespace."""
        return f"{_PREFIX}{self._id}-{service}"

    def address_of(self, service: str, network: str) -> str:
        """Return the address of a service on a network."""
        return f"{self._subnet(self._networks.index(network))}.{self._order.index(service) + 10}"

    def seen_by(self, service: str, name: str) -> str | None:
        """Return the address at which a service sees another one, None where they share no network."""
        shared = [one for one in self._members.get(service, ()) if one in self._members.get(name, ())]
        return self.address_of(name, shared[0]) if shared else None

    def address(self, service: str) -> str:
        """Return the address at which this machine itself sees a service."""
        return self.address_of(service, self._members[service][0])

    def plug(self, service: str) -> None:
        """Give a service its links: it has begun to run."""
        self._set_links(service, "up")

    def unplug(self, service: str) -> None:
        """Take a service's links: it runs no more, and its addresses answer no more."""
        self._set_links(service, "down")

    def cut(self, service: str) -> None:
        """Let nothing pass to or from a service, without telling anybody."""
        for device in self._devices(service):
            _run("bridge", "link", "set", "dev", device, "state", "0")

    def mend(self, service: str) -> None:
        """Let everything pass again."""
        for device in self._devices(service):
            _run("bridge", "link", "set", "dev", device, "state", "3")

    def cut_one_way(self, sender: str, receivers: Iterable[str]) -> None:
        """Let nothing pass from one service to others; what they send still comes."""
        for address, device in self._ways(sender, receivers):
            place = ("dev", device, "nud", "permanent")
            _ip("-n", self.namespace(sender), "neigh", "replace", address, "lladdr", _NOBODY, *place)

    def mend_one_way(self, sender: str, receivers: Iterable[str]) -> None:
        """Let it pass again."""
        for address, device in self._ways(sender, receivers):
            _ip("-n", self.namespace(sender), "neigh", "del", address, "dev", device)

    def _ways(self, sender: str, receivers: Iterable[str]) -> list[tuple[str, str]]:
        return [
            (self.address_of(receiver, network), f"eth{number}")
            for receiver in receivers
            for number, network in enumerate(self._members[sender])
            if network in self._members[receiver]
        ]

    def _make_host(self, service: str) -> None:
        namespace = self.namespace(service)
        _ip("netns", "add", namespace)
        _ip("-n", namespace, "link", "set", "lo", "up")
        for number, network in enumerate(self._members[service]):
            device = self._device(service, number)
            _ip("link", "add", device, "type", "veth", "peer", "name", f"eth{number}", "netns", namespace)
            _ip("link", "set", device, "master", self._bridge(network))
            address = f"{self.address_of(service, network)}/24"
            _ip("-n", namespace, "addr", "add", address, "dev", f"eth{number}")

    def _set_links(self, service: str, state: str) -> None:
        for number, device in enumerate(self._devices(service)):
            _ip("link", "set", device, state)
            _ip("-n", self.namespace(service), "link", "set", f"eth{number}", state)

    def _devices(self, service: str) -> list[str]:
        return [self._device(service, number) for number in range(len(self._members[service]))]

    def _device(self, service: str, number: int) -> str:
        return f"{_PREFIX}{self._id}v{self._order.index(service)}n{number}"

    def _bridge(self, network: str) -> str:
        return f"{_PREFIX}{self._id}b{self._networks.index(network)}"

    def _subnet(self, number: int) -> str:
        return f"10.{200 + self._id // 64 % 50}.{self._id % 64 * 4 + number}"


def _clean_up_after_the_dead() -> None:
    """Remove what runs left behind that were killed."""
    for namespace in _NAMESPACES.glob(f"{_PREFIX}*") if _NAMESPACES.is_dir() else ():
        owner = re.match(rf"{_PREFIX}(\d+)-", namespace.name)
        if owner is not None and not Path(f"/proc/{owner[1]}").exists():
            _try("netns", "del", namespace.name)
    for group in Path("/sys/fs/cgroup/memory").glob(f"{_PREFIX}*"):
        owner = re.match(rf"{_PREFIX}(\d+)-", group.name)
        if owner is not None and not Path(f"/proc/{owner[1]}").exists():
            with contextlib.suppress(OSError):
                group.rmdir()
    for device in Path("/sys/class/net").glob(f"{_PREFIX}*b*"):
        owner = re.match(rf"{_PREFIX}(\d+)b", device.name)
        if owner is not None and not Path(f"/proc/{owner[1]}").exists():
            _try("link", "del", device.name)


def _ip(*words: str) -> None:
    _run("ip", *words)


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, text=True)


def _try(*words: str) -> None:
    subprocess.run(["ip", *words], check=False, capture_output=True)
