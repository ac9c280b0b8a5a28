"""The generated secrets, a file each: made once, kept for as long as the data is."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from runtime.settings import MIN_SECRET_BYTES

# A secret begins with a letter: the configuration of NATS reads one that begins with a digit as a number.
_PREFIX: Final = "s"


@dataclass(frozen=True, slots=True)
class SecretFiles:
    """The files of the secrets. Each holds one line of printable ASCII."""

    token: Path
    nats: Path
    postgres_owner: Path
    postgres_archiver: Path
    postgres_history: Path


def secret_files(folder: Path) -> SecretFiles:
    """Return the files of the secrets, and make those that are not there yet."""
    names = ("token", "nats", "postgres_owner", "postgres_archiver", "postgres_history")
    return SecretFiles(*(_kept(folder / name) for name in names))


def read(file: Path) -> str:
    """Return the secret that a file holds."""
    return file.read_text(encoding="ascii").strip()


def _kept(file: Path) -> Path:
    if not file.exists():
        # Written aside and renamed, so that a run that ends in between leaves no empty secret behind.
        new = file.with_suffix(".new")
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as opened:
            opened.write(f"{_PREFIX}{secrets.token_urlsafe(MIN_SECRET_BYTES)}\n")
            opened.flush()
            os.fsync(opened.fileno())
        new.rename(file)
    return file
