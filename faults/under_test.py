"""The system under test: what `livecomments up` runs, with a proxy on every connection between two parts.

It is planned, started and supervised by the same code (`cluster/`); only addresses and environments are changed in the
plan, so that neither the system nor `up` knows anything of faults.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from bench.own_cluster import free_port
from cluster.data_folder import DataFolder
from cluster.gateway import Gateway
from cluster.parts import Part
from cluster.passwords import secret_files
from cluster.plan import Plan, make_plan
from cluster.ports import LOOPBACK, Ports
from cluster.system import System
from livecomments.cluster_here import token_issuer
from runtime.settings import PREFIX, Settings
from runtime.tokens import Tokens

STREAM_BYTES: Final = 128 * 1024 * 1024
# So that longer absences are replayed out of history; posters are done with a comment sooner than that (`posters.py`).
KEEP_S: Final = 100
SETTINGS: Final[Mapping[str, Any]] = {
    # A load comes from few addresses, and its viewers are owed every comment.
    "readable_rate": 0,
    "user_rate": 0,
    "user_total_rate": 0,
    "posts_per_address": 0,
    "requests_per_address": 0,
    "open_per_address": 0,
    "streams_per_address": 0,
    "streams_per_user": 0,
    "stream_bytes": STREAM_BYTES,
    "keep_s": KEEP_S,
    "key_life_s": KEEP_S,
}
GATEWAY: Final = "gateway"
NATS: Final = "nats"
POSTGRES: Final = "postgres"

_PLURALS: Final = {"writers": "writer", "archivers": "archiver", "histories": "history", "edges": "edge"}


@dataclass(frozen=True, slots=True)
class Places:
    """What is put somewhere else, or runs differently, than `up` would have it."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)  # of writer, archiver, history and edges
    environment_of: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # of one of them, by its name
    nats_data: Path | None = None
    postgres_data: Path | None = None


class UnderTest:
    """A cluster in a folder, and the links between its parts. `notes` is what its supervision says."""

    def __init__(self, folder: Path, places: Places) -> None:
        for name in [name for name in os.environ if name.startswith(PREFIX)]:
            del os.environ[name]  # a developer's own settings are not those of the run
        self.folder = DataFolder(folder)
        self.notes: list[str] = []
        self.settings = Settings(**{**SETTINGS, **places.settings, "data_dir": folder, "port": free_port()})
        plan = make_plan(self.settings, self.folder, secret_files(self.folder.secrets))
        self.links, plan = _through_links(_moved(plan, places))
        self.url = plan.gateway.url
        self._system = System(_with_environments(plan, self.settings, places), self.folder, self)

    async def start(self) -> None:
        """Start everything; the links' proxies must be there."""
        await self._system.start()

    async def stop(self) -> None:
        """End everything."""
        try:
            await self._system.stop()
        finally:
            self.folder.release()

    def tokens(self) -> Tokens:
        """Return what issues tokens that the parts believe."""
        return token_issuer(Settings(data_dir=self.folder.path))

    def pids(self) -> dict[str, int]:
        """Return the process of each part, by its name, as `cluster.json` has it now."""
        state = orjson.loads(self.folder.cluster_file.read_bytes())
        pids = {
            f"{kind}-{number}": place["pid"]
            for plural, kind in _PLURALS.items()
            for number, place in enumerate(state[plural], start=1)
        }
        return {
            **pids,
            GATEWAY: state["gateway"]["pid"],
            NATS: state["nats"][0]["pid"],
            POSTGRES: state["postgres"]["pid"],
        }

    def step(self, text: str) -> None:
        """(Of `cluster.system.Progress`.) Hear what is being done."""

    def note(self, text: str) -> None:
        """(Of `cluster.system.Progress`.) Hear of something that happened."""
        self.notes.append(text)


def _moved(plan: Plan, places: Places) -> Plan:
    if places.nats_data is not None:
        plan = replace(plan, nats=replace(plan.nats, data=places.nats_data))
    if places.postgres_data is not None:
        plan = replace(plan, postgres=replace(plan.postgres, data=places.postgres_data))
    return plan


def _through_links(plan: Plan) -> tuple[dict[str, dict[str, int]], Plan]:
    """Return the links by their names, each with its port and its target's, and the plan that goes through them."""
    ports = Ports(plan.gateway.port)
    taken = {plan.postgres.port, plan.nats.port, plan.nats.monitor_port, *(part.port for part in plan.parts)}
    links: dict[str, dict[str, int]] = {}

    def link(dialer: str, dialled: str, target: int) -> int:
        port = ports.pick()
        while port in taken:
            port = ports.pick()
        links[f"{dialer}-{dialled}"] = {"port": port, "target": target}
        return port

    def part_through(part: Part) -> Part:
        name = part.program().name
        settings = {**part.settings, f"{PREFIX}NATS_URL": f"nats://{LOOPBACK}:{link(name, NATS, plan.nats.port)}"}
        dsn = part.settings.get(f"{PREFIX}POSTGRES_DSN")
        if dsn is not None:
            address = urlsplit(dsn)
            port = link(name, POSTGRES, plan.postgres.port)
            settings[f"{PREFIX}POSTGRES_DSN"] = dsn.replace(f":{address.port}/", f":{port}/")
        return replace(part, settings=settings)

    def gateway_to(parts: list[Part]) -> list[str]:
        return [f"{LOOPBACK}:{link(GATEWAY, part.program().name, part.port)}" for part in parts]

    gateway: Gateway = replace(
        plan.gateway,
        writers=gateway_to(plan.writers),
        edges=gateway_to(plan.edges),
        histories=gateway_to(plan.histories),
    )
    plan = replace(
        plan,
        gateway=gateway,
        writers=[part_through(part) for part in plan.writers],
        archivers=[part_through(part) for part in plan.archivers],
        histories=[part_through(part) for part in plan.histories],
        edges=[part_through(part) for part in plan.edges],
    )
    return links, plan


def _with_environments(plan: Plan, settings: Settings, places: Places) -> Plan:
    """`up` hands its own environment on to the parts; here the settings are said to each of them."""
    said = {
        f"{PREFIX}{name.upper()}": str(getattr(settings, name))
        for name in {**SETTINGS, **places.settings}
        if name not in ("edges", "stream_bytes")
    }

    def part_with(part: Part) -> Part:
        own = places.environment_of.get(part.program().name, {})
        return replace(part, settings={**said, **places.environment, **own, **part.settings})

    return replace(
        plan,
        writers=[part_with(part) for part in plan.writers],
        archivers=[part_with(part) for part in plan.archivers],
        histories=[part_with(part) for part in plan.histories],
        edges=[part_with(part) for part in plan.edges],
    )
