"""The generated secrets, a file each: made once, kept for as long as the data is."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, fields
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
    nats_writer: Path
    nats_archiver: Path
    nats_history: Path
    nats_edge: Path
    nats_operator: Path
    postgres_owner: Path
    postgres_archiver: Path
    postgres_history: Path


def secret_files(folder: Path) -> SecretFiles:
    """Return the files of the secrets, and make those that are not there yet."""
    return SecretFiles(*(kept(folder / field.name) for field in fields(SecretFiles)))


def read(file: Path) -> str:
    """Return the secret that a file holds."""
    return file.read_text(encoding="ascii").strip()


def kept(file: Path) -> Path:
    """Return the file of a secret, and make it when it is not there yet."""
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
