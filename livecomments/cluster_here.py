"""The cluster of this machine's data directory: where it answers, and the secret that its tokens are made with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import click
import orjson
from yarl import URL

from runtime.settings import Settings
from runtime.tokens import Tokens

CLUSTER_FILE: Final = "cluster.json"
SECRET_FILE: Final = Path("secrets") / "token"

_HOW_TO_START: Final = "start it with 'make run' or 'livecomments up', or name another with LIVECOMMENTS_DATA_DIR"


class NoClusterError(click.ClickException):
    """Nothing runs in the data directory; the message says what to do."""


def describe(settings: Settings) -> dict[str, Any]:
    """Return what runs where, as `livecomments up` wrote it. Raises `NoClusterError`."""
    path = settings.data_dir / CLUSTER_FILE
    try:
        description = orjson.loads(path.read_bytes())
        # Of all, because one that is just being started again is named with the process that ended.
        pids = [place["pid"] for place in (description["gateway"], *description["writers"], *description["edges"])]
    except FileNotFoundError:
        raise NoClusterError(f"no cluster runs in {settings.data_dir} (there is no {path}): {_HOW_TO_START}") from None
    except OSError as error:
        raise NoClusterError(f"{path}: {error.strerror}") from None
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise NoClusterError(f"{path} is not the description of a cluster: {_HOW_TO_START}") from None
    if not any(_is_alive(pid) for pid in pids):
        raise NoClusterError(f"the cluster of {path} does not run any more: {_HOW_TO_START}")
    return dict(description)


def public_url(settings: Settings, url: str | None) -> str:
    """Return the address to talk to, without a slash at its end: `url` where one was given, else the gateway here.

    Raises `NoClusterError` when none was given and nothing runs here, `click.BadParameter` for one that is no address.
    """
    if url is None:
        url = str(describe(settings)["gateway"]["url"])
    try:
        parsed = URL(url)
    except ValueError:
        parsed = URL()
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise click.BadParameter(f"'{url}' is not an address like http://127.0.0.1:8080", param_hint="--url")
    return url.rstrip("/")


def has_secret(settings: Settings) -> bool:
    """Return whether tokens can be issued here."""
    return settings.token_secret_file is not None or (settings.data_dir / SECRET_FILE).is_file()


def token_issuer(settings: Settings) -> Tokens:
    """Return what issues tokens that the cluster accepts.

    The secret is that of `LIVECOMMENTS_TOKEN_SECRET_FILE` where it is set, else the one in the data directory.
    Raises `NoClusterError` when there is neither, `SettingsError` when it cannot be read or is too short.
    """
    if settings.token_secret_file is None:
        path = settings.data_dir / SECRET_FILE
        if not path.is_file():
            raise NoClusterError(
                f"there is no secret to sign tokens with ({path}): {_HOW_TO_START},"
                " or name the secret's file with LIVECOMMENTS_TOKEN_SECRET_FILE"
            )
        settings = settings.model_copy(update={"token_secret_file": path})
    return Tokens(settings)


def _is_alive(pid: object) -> bool:
    if not isinstance(pid, int) or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # it runs, as somebody else
    return True
