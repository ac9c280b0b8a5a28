"""The data directory: whose it is, one `up` at a time, its folders.

| in it | |
|---|---|
| `lock` | held while an `up` runs; marks the directory as one of ours |
| `secrets/` | generated passwords |
| `postgres/`, `nats/` | their data |
| `logs/` | a log for each process |
| `cluster.json` | what runs where, while it runs |
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

from cluster.errors import DataFolderError

_LOCK_NAME: Final = "lock"


class DataFolder:
    """A data directory that no other `up` uses."""

    def __init__(self, path: Path) -> None:
        """Make the directory where there is none, and lock it. Raises `DataFolderError`, `OSError`."""
        self.path = path.resolve()
        _claim(self.path)
        self._lock = _lock(self.path / _LOCK_NAME)
        self.path.chmod(0o700)
        self.secrets = self._folder("secrets")
        self.logs = self._folder("logs")
        self.nats = self._folder("nats")
        self.postgres = self.path / "postgres"  # made by initdb
        self.cluster_file = self.path / "cluster.json"

    def release(self) -> None:
        """Let another `up` have the directory."""
        os.close(self._lock)

    def free_bytes(self) -> int:
        """Return how much the file system of the streams has left for us."""
        state = os.statvfs(self.nats)
        return state.f_bavail * state.f_frsize

    def disk_bytes(self) -> int:
        """Return how large the file system of the streams is."""
        state = os.statvfs(self.nats)
        return state.f_blocks * state.f_frsize

    def _folder(self, name: str) -> Path:
        folder = self.path / name
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder


def size_bytes(folder: Path) -> int:
    """Return how much the files under a folder take up on the disk."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(Path(root, name)).st_blocks * 512
            except OSError:
                continue  # gone meanwhile
    return total


def _claim(path: Path) -> None:
    """Make sure that the directory is ours: its permissions are narrowed, which nobody's other directory may suffer."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        if not path.is_dir():
            raise DataFolderError(f"{path} is not a directory: set LIVECOMMENTS_DATA_DIR to one") from None
        ours = (path / _LOCK_NAME).exists()
        if not ours and any(path.iterdir()):
            raise DataFolderError(
                f"{path} holds something else: set LIVECOMMENTS_DATA_DIR to a new or empty directory"
            ) from None


def _lock(file: Path) -> int:
    """Return the descriptor that holds the lock. It is not inherited, so it goes when this process does."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
        os.close(descriptor)
        raise DataFolderError(
            f"{file.parent} is in use by another 'livecomments up' (process {owner}): end that one, "
            "or set LIVECOMMENTS_DATA_DIR and LIVECOMMENTS_PORT"
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
    return descriptor
