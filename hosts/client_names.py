"""The one name under which clients know the service, with the addresses of all gateways: as a DNS entry would have it.

This process, and those that it starts from then on, see a file of hosts of their own; nobody else on the machine does.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final

SERVICE_NAME: Final = "comments.test"

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNS: Final = 0x00020000


def know_service(addresses: Iterable[str], file: Path) -> None:
    """Let `SERVICE_NAME` mean these addresses here. Call it from the main thread, before anything is mounted."""
    lines = ["127.0.0.1 localhost", *(f"{address} {SERVICE_NAME}" for address in addresses)]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    if _LIBC.unshare(_CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", "--bind", str(file), "/etc/hosts"], check=True)
