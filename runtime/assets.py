"""Where the files are that are not Python: the page, the migrations, the configurations of NATS and HAProxy."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """Return the folder `gateway`, `migrations`, `nats` or `web`.

    It lies beside the packages in a checkout, and inside this one where the wheel was installed.
    """
    installed = _PACKAGE / "share" / name
    if installed.is_dir():
        return installed
    checkout = _PACKAGE.parent / name
    if (_PACKAGE.parent / "pyproject.toml").is_file() and checkout.is_dir():
        return checkout
    raise FileNotFoundError(2, f"the folder '{name}' of livecomments is missing: install it again", str(installed))
