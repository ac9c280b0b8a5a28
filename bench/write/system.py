"""The cluster that is measured: its parts, and what CPU they use."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.fanout import cores, usage
from bench.own_cluster import RATES_OFF, STREAM_LIMITS_OFF, OwnCluster, own_cluster
from livecomments.cluster_here import token_issuer
from runtime.settings import Settings

CORES: Final = 2  # that all parts and the load share
AUTHORS: Final = 500
TOKEN_TTL_S: Final = 24 * 3600
US: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class System:
    """A cluster with everything that limits a load switched off, on two cores that the load shares."""

    cluster: OwnCluster
    authors_file: Path  # tokens, one a line
    cores: tuple[int, ...]

    @property
    def gateway(self) -> str:
        """Return the public address."""
        return self.cluster.url

    def url(self, part: str) -> str:
        """Return the address of a part's own port; `part` as `cluster.json` names it, like 'writers'."""
        url: str = self.cluster.describe()[part][0]["url"]
        return url

    def pids(self, part: str) -> list[int]:
        """Return the processes of a part, with their children."""
        found = self.cluster.describe()[part]
        places: list[dict[str, Any]] = found if isinstance(found, list) else [found]
        return [pid for place in places for pid in _family(place["pid"])]

    @property
    def nats_url(self) -> str:
        """Return where NATS is, with its user and password."""
        url: str = self.cluster.describe()["nats"][0]["url"]
        return url

    @property
    def postgres_dsn(self) -> str:
        """Return where Postgres is, for the owner."""
        dsn: str = self.cluster.describe()["postgres"]["dsn"]
        return dsn

    def token(self, user: str) -> str:
        """Return a token of a user."""
        return self.cluster.token(user, ttl_s=TOKEN_TTL_S)

    def tokens(self) -> list[str]:
        """Return the authors' tokens."""
        return self.authors_file.read_text("ascii").split()


PARTS: Final = ("gateway", "writers", "archivers", "histories", "edges", "nats", "postgres")


class Window:
    """What the parts and the cores did between its making and `close`."""

    def __init__(self, system: System) -> None:
        self._system = system
        self._pids = {part: system.pids(part) for part in PARTS}
        self._used: dict[int, float] = {}  # of each process when it was last there: Postgres' come and go
        self._began = self._now()

    def close(self) -> Used:
        """Return what was used since."""
        now, began = self._now(), self._began
        parts = {part: now[0][part] - began[0][part] for part in PARTS}
        return Used(now[2] - began[2], parts, now[1] - began[1], len(self._system.cores))

    def _now(self) -> tuple[dict[str, float], float, float]:
        for pid in (pid for pids in self._pids.values() for pid in pids):
            self._used[pid] = usage.cpu_of(pid) or self._used.get(pid, 0.0)
        used = {part: sum(self._used[pid] for pid in pids) for part, pids in self._pids.items()}
        return used, sum(cores.busy_s(core) for core in self._system.cores), time.perf_counter()


@dataclass(frozen=True, slots=True)
class Used:
    """CPU seconds of the parts, and of the cores altogether."""

    seconds: float
    parts: dict[str, float]
    busy_s: float
    cores: int

    def others_share(self, load_s: float) -> float:
        """Return which share of the cores went to what neither is a part nor the load."""
        return max(0.0, self.busy_s - sum(self.parts.values()) - load_s) / (self.seconds * self.cores)

    def us_each(self, count: int) -> dict[str, float]:
        """Return microseconds of each part for each of so many."""
        return {part: round(seconds / max(count, 1) * US, 1) for part, seconds in self.parts.items()}


@contextlib.contextmanager
def running_system() -> Iterator[System]:
    """Run a cluster for as long as the block lasts, on two of the cores that this process may use."""
    shared = tuple(sorted(os.sched_getaffinity(0))[:CORES])
    os.sched_setaffinity(0, shared)  # what is started from now on inherits it
    with own_cluster({**RATES_OFF, **STREAM_LIMITS_OFF}) as cluster:
        issuer = token_issuer(Settings(data_dir=cluster.data_dir))
        authors_file = cluster.data_dir / "authors.txt"
        tokens = (issuer.issue(f"author-{index}", TOKEN_TTL_S) for index in range(AUTHORS))
        authors_file.write_text("\n".join(tokens) + "\n", "ascii")
        yield System(cluster, authors_file, shared)


def _family(pid: int) -> list[int]:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
        return [pid, *(one for child in children for one in _family(int(child)))]
    return []
