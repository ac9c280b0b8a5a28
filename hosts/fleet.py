"""All services of compose.yaml, each on a host of its own: up, down, and whatever is done to them in between."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from hosts import names
from hosts.compose_file import ComposeFile, Service, read_compose_file
from hosts.host import Host, HostError
from hosts.images import ROOT, Image, MissingError, image
from hosts.network import Network

UP_WITHIN_S: Final = 60.0
SETTLED_WITHIN_S: Final = 300.0  # a replica that has to drop what it alone had written does so entry by entry
DONE_WITHIN_S: Final = 60.0  # for what runs once
PROGRAMS: Final = ("ip", "bridge", "nsenter", "unshare", "setpriv", "mount", "busybox", "prometheus")


class Fleet:
    """What `docker compose up` runs. `hosts` are those services whose image can be had here."""

    def __init__(
        self,
        folder: Path,
        variables: Mapping[str, str],
        later: Mapping[str, str] | None = None,
        *,
        added: Sequence[str] = (),
        without: Collection[str] = (),
        images: Mapping[str, Image] | None = None,
    ) -> None:
        """Volumes and logs are in `folder`; `variables` are those of compose.yaml. Raises `MissingError`.

        `later` names services that are not there at first, each with the one of compose.yaml that it is like. `added`
        names files that are laid over compose.yaml, `without` services that are left out and not waited for, and
        `images` has others in the place of those of a name.
        """
        missing = [program for program in PROGRAMS if shutil.which(program) is None]
        if missing:
            raise MissingError(f"{', '.join(missing)} is not installed: requirements/programs {' '.join(missing)}")
        files = [ROOT / name for name in added]
        self.compose: ComposeFile = read_compose_file(ROOT / "compose.yaml", variables, files)
        self.folder = folder
        (folder / "logs").mkdir(parents=True, exist_ok=True)
        own = images or {}

        def image_of(service: Service) -> Image | None:
            return own.get(service.image.partition(":")[0]) or image(service.image)

        services = {
            name: _not_waiting_for(service, without)
            for name, service in self.compose.services.items()
            if name not in without and image_of(service)
        }
        self._later = set(later or ())
        services |= {name: _like(services[other], name) for name, other in (later or {}).items()}
        self.network = Network(self.compose.networks, {name: one.networks for name, one in services.items()})
        self.hosts: dict[str, Host] = {}
        for name, service in services.items():
            known = image_of(service)
            assert known is not None
            self.hosts[name] = Host(service, known, self.network, folder)
        self._transports: list[asyncio.DatagramTransport] = []

    def __getitem__(self, name: str) -> Host:
        return self.hosts[name]

    def named(self, kind: str) -> list[str]:
        """Return the services of a kind, as edge-1 and edge-2 are of the kind `edge`."""
        return [name for name in self.hosts if name.rpartition("-")[0] == kind and name not in self._later]

    def url(self, service: str, port: int = 8080) -> str:
        """Return where this machine reaches a service over HTTP."""
        return f"http://{self.network.address(service)}:{port}"

    def secret(self, part: str, name: str) -> str:
        """Return a secret, as a part has it."""
        return (self.folder / "volumes" / f"secrets-{part}" / name).read_text(encoding="ascii").strip()

    async def up(self) -> None:
        """Start everything, each service when what it depends on is as it wants it. Raises `HostError`."""
        self.network.make()
        for name in self.hosts:
            self._transports.append(await names.serve(self.network.namespace(name), self._looks_up(name)))
        at_first = [host for name, host in self.hosts.items() if name not in self._later]
        starting = [asyncio.create_task(self._start(host)) for host in at_first]
        try:
            await asyncio.gather(*starting)
        finally:
            for task in starting:
                task.cancel()

    async def down(self) -> None:
        """Stop everything, whatever depends on another service before that one; and clean up."""
        left = dict(self.hosts)
        while left:
            needed = {other for host in left.values() for other in host.service.depends_on}
            now = [host for name, host in left.items() if name not in needed] or list(left.values())
            await asyncio.gather(*(host.stop() for host in now), return_exceptions=True)
            for host in now:
                del left[host.name]
        for transport in self._transports:
            transport.close()
        self.network.remove()
        for host in self.hosts.values():
            host.clean_up()

    async def join(self, name: str) -> None:
        """Start a service that was to come later. Raises `HostError`."""
        self._later.discard(name)
        await self._start(self.hosts[name])

    async def leave(self, name: str) -> None:
        """Stop a service that is not to come back."""
        self._later.add(name)
        await self.hosts[name].stop()

    async def run_again(self, name: str, *further: str) -> None:
        """Run once more what runs once, with further words of its command. Raises `HostError`."""
        host = self.hosts[name]
        plain = host.service
        host.exit_code = None
        host.service = replace(plain, command=(*(plain.command or ()), *further))
        try:
            await self._start(host)
        finally:
            host.service = plain

    async def restart(self, name: str, within_s: float = UP_WITHIN_S) -> tuple[float, float]:
        """Stop a service and start it again. Returns how long it took to end, and then to be ready, in seconds."""
        host = self.hosts[name]
        stopped_s = await host.stop()
        began = asyncio.get_running_loop().time()
        await host.start()
        await host.until(lambda one: one.ready, "ready again", within_s)
        return stopped_s, asyncio.get_running_loop().time() - began

    async def ready(self, services: Iterable[str] | None = None, within_s: float = UP_WITHIN_S) -> None:
        """Wait until services, or all that are to go on running, are ready. Raises `HostError`."""
        wanted = [self.hosts[name] for name in services] if services is not None else self.lasting()
        await asyncio.gather(*(host.until(lambda one: one.ready, "ready", within_s) for host in wanted))

    async def settled(self, services: Iterable[str], within_s: float = SETTLED_WITHIN_S) -> float:
        """Wait until services are found healthy several times running. Returns how long that took, in seconds.

        What was found before counts for nothing: who has just lost its network says so only when it is asked next.
        Raises `HostError`.
        """
        began = asyncio.get_running_loop().time()
        wanted = [self.hosts[name] for name in services]
        for host in wanted:
            host.doubt()
        await asyncio.gather(*(host.until(lambda one: one.settled, "healthy for good", within_s) for host in wanted))
        return asyncio.get_running_loop().time() - began

    def lasting(self) -> list[Host]:
        """Return those that do not run once."""
        there = [host for name, host in self.hosts.items() if name not in self._later]
        return [host for host in there if host.service.restart != "on-failure"]

    async def _start(self, host: Host) -> None:
        for other, condition in host.service.depends_on.items():
            needed = self.hosts[other]
            if condition == "service_completed_successfully":
                await needed.until(lambda one: one.exit_code == 0, "done", UP_WITHIN_S)
            elif condition == "service_healthy":
                await needed.until(lambda one: one.ready, "healthy", UP_WITHIN_S)
            else:
                await needed.until(lambda one: one.runs, "running", UP_WITHIN_S)
        await host.start()
        if host.service.restart == "on-failure":
            await host.until(lambda one: one.exit_code == 0, "done", DONE_WITHIN_S)
        else:
            await host.until(lambda one: one.ready, "ready", UP_WITHIN_S)

    def _looks_up(self, service: str) -> Callable[[str], str | None]:
        def look_up(name: str) -> str | None:
            host = self.hosts.get(name)
            return self.network.seen_by(service, name) if host is not None and host.runs else None

        return look_up


def _not_waiting_for(service: Service, others: Collection[str]) -> Service:
    needed = {name: condition for name, condition in service.depends_on.items() if name not in others}
    return replace(service, depends_on=needed)


def _like(service: Service, name: str) -> Service:
    """Return a service that is like another one, with a name and a volume of its own."""
    mounts = tuple(replace(mount, source=name) if mount.source == service.name else mount for mount in service.mounts)
    environment = {key: name if value == service.name else value for key, value in service.environment.items()}
    return replace(service, name=name, mounts=mounts, environment=environment)


__all__ = ["Fleet", "HostError"]
