"""`livecomments settings`: every setting, what it is now, and where that comes from."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Final

import click

from runtime.settings import PREFIX, Settings, SettingsError, read_settings

# `user:password@` of an address, and the parameter `password=` of Postgres.
_PASSWORD = re.compile(r"(?<=://)([^/@\s:]*:)[^/@\s]*(?=@)|(\bpassword=)[^&\s]*")
_HIDDEN: Final = r"\1\2***"


@click.command()
@click.option("--set", "only_set", is_flag=True, help="Only those that the environment sets.")
def settings(*, only_set: bool) -> None:
    """List every setting: its name, its value now, its default, and what it does.

    Settings are environment variables. An unknown name with the prefix LIVECOMMENTS_ is refused by every command, so
    that a misspelt limit is noticed. Secrets are never shown: they stand in files, and only the files' names are.

    \b
    Examples:
      livecomments settings
      LIVECOMMENTS_USER_RATE=0 livecomments settings --set
    """  # noqa: D301  click reads the \b
    problem: SettingsError | None = None
    current: Settings | None = None
    try:
        current = read_settings()
    except SettingsError as error:
        problem = error  # this is where a person looks for the right name: list them, then say what is wrong
    for name, field in Settings.model_fields.items():
        variable = f"{PREFIX}{name.upper()}"
        is_set = bool(os.environ.get(variable))
        if only_set and not is_set:
            continue
        default = _shown(field.default)
        value = _shown(getattr(current, name)) if current is not None else os.environ.get(variable) or default
        click.echo(click.style(f"{variable}=", bold=True) + _without_password(value), nl=False)
        click.echo(click.style(f"    (default: {default or 'none'})" if is_set else "", dim=True))
        if field.description:
            click.echo(f"    {field.description}")
    if problem is not None:
        raise problem


def _shown(value: Any) -> str:
    """Return a value as one would write it in the environment."""
    match value:
        case None:
            return ""
        case bool():
            return "1" if value else "0"
        case tuple():
            return ",".join(value)
        case float() if value.is_integer():
            return str(int(value))
        case Path() | int() | float() | str():
            return str(value)
        case _:
            raise TypeError(f"a setting of type {type(value).__name__}")


def _without_password(value: str) -> str:
    return _PASSWORD.sub(_HIDDEN, value)
