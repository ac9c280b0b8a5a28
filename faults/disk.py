"""A small disk of its own for one server's data, that can be filled: a tmpfs, where this machine lets us mount one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import time
from pathlib import Path
from typing import Final

PIECE_BYTES: Final = 1024 * 1024
BALLAST: Final = "ballast"
FILL_INTERVAL_S: Final = 0.2


class Disk:
    """A file system of `size_bytes` at a folder, while it is mounted."""

    def __init__(self, folder: Path, size_bytes: int) -> None:
        self.folder = folder
        self._size_bytes = size_bytes
        self._mounted = False

    def mount(self) -> bool:
        """Mount it. Returns False where that is not allowed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        ran = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={self._size_bytes},mode=0755", "tmpfs", str(self.folder)],
            check=False,
            capture_output=True,
        )
        self._mounted = ran.returncode == 0
        return self._mounted

    def unmount(self) -> None:
        """Take it away, with all that is on it; harmless when it is not there."""
        if self._mounted:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=False, capture_output=True)
            self._mounted = False

    async def be_full(self, seconds: float) -> None:
        """Have not a byte left on it for a while, whatever is removed meanwhile."""
        ballast = self.folder / BALLAST
        until = time.monotonic() + seconds
        try:
            while time.monotonic() < until:
                await asyncio.to_thread(_fill, ballast)
                await asyncio.sleep(FILL_INTERVAL_S)
        finally:
            ballast.unlink(missing_ok=True)


def _fill(ballast: Path) -> None:
    with contextlib.suppress(OSError), ballast.open("ab", buffering=0) as opened:
        for piece in (PIECE_BYTES, os.sysconf("SC_PAGESIZE")):
            with contextlib.suppress(OSError):
                while opened.write(b"\0" * piece) == piece:
                    pass
