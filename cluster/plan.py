"""What is to run: the settings of `up` turned into Postgres, NATS, the parts and the gateway, each with its address."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cluster import certificate, nats, postgres
from cluster.cluster_file import ClusterState, Place
from cluster.data_folder import DataFolder, size_bytes
from cluster.gateway import Gateway, Https, rules_of
from cluster.nats import Nats
from cluster.parts import Part
from cluster.passwords import SecretFiles
from cluster.ports import LOOPBACK, Ports
from cluster.postgres import Postgres
from runtime.settings import HMAC, PREFIX, Settings
from runtime.stream_configs import further_bytes

MIN_STREAM_BYTES: Final = 1024**2
STORE_SHARE: Final = 0.5  # of what the disk has left, for all streams together, unless STREAM_BYTES says more


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole cluster. `settings` are those of `up` with the addresses and secrets of this cluster put in."""

    settings: Settings
    postgres: Postgres
    nats: Nats
    writers: list[Part]
    archivers: list[Part]
    histories: list[Part]
    edges: list[Part]
    gateway: Gateway

    @property
    def parts(self) -> list[Part]:
        """Return all parts."""
        return [*self.writers, *self.archivers, *self.histories, *self.edges]

    def state(self, pids: dict[str, int]) -> ClusterState:
        """Return what runs where. `pids`: the process of each program, by its name."""

        def places(parts: list[Part]) -> list[Place]:
            return [Place(part.url, pids[part.program().name]) for part in parts]

        return ClusterState(
            gateway=Place(self.gateway.url, pids["gateway"]),
            writers=places(self.writers),
            archivers=places(self.archivers),
            histories=places(self.histories),
            edges=places(self.edges),
            nats=[Place(self.nats.url_with_password, pids["nats"])],
            postgres=Place(self.postgres.dsn, pids["postgres"]),
        )


def make_plan(settings: Settings, folder: DataFolder, secrets: SecretFiles) -> Plan:
    """Return what is to run. Raises `PortError` when there are no free ports, `SettingsError` for a bad certificate."""
    https = _https(settings, folder)
    ports = Ports(settings.port, *([https.port] if https else []))
    database = Postgres(folder.postgres, ports.pick(), secrets.postgres_owner)
    stream_bytes = _stream_bytes(settings, folder)
    server = Nats(
        data=folder.nats,
        port=ports.pick(),
        monitor_port=ports.pick(),
        secrets=secrets,
        store_bytes=store_bytes(folder.disk_bytes(), settings.shards, stream_bytes, further_bytes(settings)),
    )
    token_file = settings.token_secret_file or secrets.token
    public = tuple(f"http://{host}:{settings.port}" for host in (LOOPBACK, "localhost"))
    if https is not None:
        public += tuple(f"https://{host}:{https.port}" for host in (LOOPBACK, "localhost"))
    complete = settings.model_copy(
        update={
            "data_dir": folder.path,
            "guests": settings.guests if "guests" in settings.model_fields_set else HMAC in settings.token_algorithms,
            "status_page": settings.status_page if "status_page" in settings.model_fields_set else True,
            "cluster_file": settings.cluster_file or folder.cluster_file,
            "origins": settings.origins if "origins" in settings.model_fields_set else public,
            "stream_bytes": stream_bytes,
            "token_secret_file": token_file,
            "nats_url": server.url,
            "nats_user": nats.USER,
            "nats_password_file": secrets.nats,
            "postgres_dsn": database.dsn_of(postgres.OWNER),
            "postgres_password_file": secrets.postgres_owner,
            "archiver_password_file": secrets.postgres_archiver,
            "history_password_file": secrets.postgres_history,
        }
    )
    common = _environment(
        data_dir=complete.data_dir,
        guests="1" if complete.guests else "0",
        origins=",".join(complete.origins),
        stream_bytes=stream_bytes,
        token_secret_file=token_file,
        nats_url=server.url,
    )
    write = _environment(nats_user="writer", nats_password_file=secrets.nats_writer)
    deliver = _environment(nats_user="edge", nats_password_file=secrets.nats_edge)
    archive = _environment(
        nats_user="archiver",
        nats_password_file=secrets.nats_archiver,
        postgres_dsn=database.dsn_of("livecomments_archiver"),
        postgres_password_file=secrets.postgres_archiver,
    )
    read = _environment(
        nats_user="history",
        nats_password_file=secrets.nats_history,
        postgres_dsn=database.dsn_of("livecomments_history"),
        postgres_password_file=secrets.postgres_history,
    )
    shown = _environment(
        status_page="1" if complete.status_page else "0", cluster_file=complete.cluster_file or folder.cluster_file
    )
    writers = [Part("writer", 1, ports.pick(), {**common, **write})]
    archivers = [Part("archiver", 1, ports.pick(), {**common, **archive})]
    histories = [Part("history", 1, ports.pick(), {**common, **read, **shown})]
    edges = [_edge(number, ports, {**common, **deliver}, settings) for number in range(1, settings.edges + 1)]
    gateway = Gateway(
        port=settings.port,
        writers=[part.address for part in writers],
        edges=[part.address for part in edges],
        histories=[part.address for part in histories],
        rules=rules_of(complete),
        https=https,
    )
    return Plan(complete, database, server, writers, archivers, histories, edges, gateway)


def stream_bytes(wanted: int, shards: int, room_bytes: int) -> int:
    """Return how large a shard's stream may become, with `room_bytes` on the disk for all that streams hold."""
    return max(MIN_STREAM_BYTES, min(wanted, int(room_bytes * STORE_SHARE) // shards))


def store_bytes(disk_bytes: int, shards: int, stream_bytes: int, further_bytes: int) -> int:
    """Return what all streams together may reserve: those of the shards, and `further_bytes` for the others.

    NATS refuses to read a stream again that reserves more than that, so it is never less than what an earlier run may
    have reserved: the disk's size. What really bounds a stream is its own limit.
    """
    return max(disk_bytes, shards * stream_bytes) + further_bytes


def _edge(number: int, ports: Ports, common: dict[str, str], settings: Settings) -> Part:
    port = ports.pick()
    if not settings.direct:
        return Part("edge", number, port, common)
    return Part("edge", number, port, common, ports.pick(), "https" if settings.tls_cert_file else "http")


def _https(settings: Settings, folder: DataFolder) -> Https | None:
    file = certificate.for_gateway(settings, folder.secrets)
    return None if file is None else Https(settings.tls_port, file, settings.https_only)


def _stream_bytes(settings: Settings, folder: DataFolder) -> int:
    if "stream_bytes" in settings.model_fields_set:
        return settings.stream_bytes
    return stream_bytes(settings.stream_bytes, settings.shards, folder.free_bytes() + size_bytes(folder.nats))


def _environment(**values: Path | str | int) -> dict[str, str]:
    return {f"{PREFIX}{name.upper()}": str(value) for name, value in values.items()}
