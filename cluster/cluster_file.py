"""`cluster.json`: what runs where, for as long as it runs.

It holds passwords (in the addresses of NATS and Postgres), so only its owner may read it; and it is replaced whole, so
that a reader never sees half of it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Place:
    """A process and its address."""

    url: str
    pid: int  # while it is being started again: of the one that ended

    def document(self) -> dict[str, Any]:
        """Return it as it stands in the file."""
        return {"url": self.url, "pid": self.pid}


@dataclass(frozen=True, slots=True)
class ClusterState:
    """All processes of a cluster."""

    gateway: Place
    writers: list[Place]
    archivers: list[Place]
    histories: list[Place]
    edges: list[Place]
    nats: list[Place]
    postgres: Place

    def document(self) -> dict[str, Any]:
        """Return it as it stands in the file."""
        return {
            "gateway": self.gateway.document(),
            "writers": [one.document() for one in self.writers],
            "archivers": [one.document() for one in self.archivers],
            "histories": [one.document() for one in self.histories],
            "edges": [one.document() for one in self.edges],
            "nats": [one.document() for one in self.nats],
            "postgres": {"dsn": self.postgres.url, "pid": self.postgres.pid},
        }


def write(file: Path, state: ClusterState) -> None:
    """Replace the file."""
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        opened.write(orjson.dumps(state.document(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    new.replace(file)
