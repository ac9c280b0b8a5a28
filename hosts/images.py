"""What an image of compose.yaml is here: programs out of the wheels and Debian's packages, where it has them.

Our own image is read from the `Dockerfile`. What is here stands for an image whatever its tag is; a test
(`tests/cluster/test_compose.py`) holds tags against the versions that are installed. A program that an image has not
got is not on its containers' PATH either.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from cluster import binaries

ROOT: Final = Path(__file__).resolve().parent.parent
_DEBIAN: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Images that cannot be had here, and why that is no hole: their own configuration is checked by other tests.
ABSENT: Final = {"grafana/grafana": "Grafana is neither in a wheel nor in Debian"}

# Images of which another version than the one in compose.yaml runs here, and what that leaves untried.
OTHER_VERSION: Final = {
    "prom/prometheus": "Debian has 2.x: configuration, rules and flags are tried with that, not with 3"
}

# What a container of a small image finds, besides its own program.
_BUSYBOX: Final = (
    *("sh", "cat", "wget", "grep", "cut", "df", "awk", "rm", "kill", "echo", "printf", "test", "sleep", "ls", "mkdir"),
    *("head", "tail", "sed", "tr", "date", "env", "true", "false", "hostname", "nslookup", "id", "ps", "timeout", "wc"),
)


class MissingError(Exception):
    """A program or a right that this needs is not there; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image. `programs`: what its containers find at which path; `folders`: those of this machine that they see."""

    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    environment: Mapping[str, str]
    user: str  # uid:gid
    programs: Mapping[str, Path]
    owned: Mapping[str, str]  # folders of the image that volumes are laid over, and whose they are
    folders: tuple[Path, ...] = ()


def image(reference: str) -> Image | None:
    """Return an image, None for one of `ABSENT`. Raises `MissingError`."""
    name = reference.partition(":")[0]
    if name in ABSENT:
        return None
    known = {"livecomments": _ours, "postgres": _postgres, "nats": _nats, "haproxy": _haproxy, "prom/prometheus": _prom}
    if name not in known:
        raise MissingError(f"the image {reference} is not known here: say in hosts/images.py which programs it has")
    return known[name]()


def _ours() -> Image:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").rpartition("\nFROM ")[2]
    said = dict(re.findall(r"^(ENTRYPOINT|CMD|USER|ENV) (.*)$", text, re.MULTILINE))
    uid = re.search(rf"useradd .*--uid (\d+) .*{said['USER']}", text)
    if uid is None:
        raise MissingError("the Dockerfile makes no user with a number of its own")
    # What the image has in /opt/livecomments/bin is in the virtual environment of this checkout.
    return Image(
        entrypoint=tuple(json.loads(said["ENTRYPOINT"])),
        command=tuple(json.loads(said["CMD"])),
        environment={"PATH": f"{sys.prefix}/bin:{_DEBIAN}", "PYTHONDONTWRITEBYTECODE": "1"},
        user=f"{uid[1]}:{uid[1]}",
        programs={},
        owned={},
        folders=(ROOT, Path(sys.prefix), Path(sys.base_prefix)),
    )


def _postgres() -> Image:
    bin_folder = binaries.postgres("postgres").parent
    package = bin_folder.parent.parent
    return Image(
        entrypoint=("docker-entrypoint.sh",),
        command=("postgres",),
        environment={
            "PATH": f"{bin_folder}:{_DEBIAN}",
            "PGDATA": f"/var/lib/postgresql/{binaries.POSTGRES_MAJOR}/docker",
            "LANG": "C.UTF-8",
        },
        user="0:0",
        programs={"/usr/local/bin/docker-entrypoint.sh": ROOT / "hosts" / "postgres-entrypoint.sh"},
        owned={"/var/lib/postgresql": "999:999", "/var/run/postgresql": "999:999"},
        folders=(package, package.with_name(f"{package.name}.libs")),
    )


def debian_postgres() -> Image:
    """Return Debian's Postgres, which speaks TLS; that of the wheel does not. Raises `MissingError`.

    It is an older one: `POSTGRES_INITDB_ARGS` must name no provider of locales.
    """
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        raise MissingError("Debian's Postgres is not installed: apt-get install postgresql")
    bin_folder = found[-1].parent
    image = _postgres()
    return replace(image, environment={**image.environment, "PATH": f"{bin_folder}:{_DEBIAN}"}, folders=())


def _nats() -> Image:
    return Image(
        entrypoint=("docker-entrypoint.sh",),
        command=("nats-server",),
        environment={"PATH": "/alpine/bin"},
        user="0:0",
        programs={"/alpine/bin/nats-server": binaries.nats_server(), **_busybox("/alpine/bin")},
        owned={},
    )


def _haproxy() -> Image:
    program = binaries.haproxy()
    return Image(
        entrypoint=("docker-entrypoint.sh",),
        command=(),
        environment={"PATH": f"{program.parent}:{_DEBIAN}"},
        user="99:99",
        programs={},
        owned={},
        folders=(program.parent,),
    )


def _prom() -> Image:
    return Image(
        entrypoint=("/bin/prometheus",),
        command=(),
        environment={"PATH": "/prometheus-image/bin"},
        user="65534:65534",
        programs={"/bin/prometheus": _debian("prometheus"), **_busybox("/prometheus-image/bin")},
        owned={"/prometheus": "65534:65534"},
    )


def _busybox(folder: str) -> dict[str, Path]:
    program = _debian("busybox")
    return {f"{folder}/{applet}": program for applet in _BUSYBOX}


def _debian(name: str) -> Path:
    found = shutil.which(name)
    if found is None:
        raise MissingError(f"{name} is not installed: apt-get install {name}")
    return Path(found).resolve()
