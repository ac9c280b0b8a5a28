"""Commands whose code stands in a checkout only: what measures the service is not installed to run it."""

from __future__ import annotations

import importlib

import click


def command_of(module: str, name: str, called: str) -> click.Command:
    """Return a command out of the checkout; where there is none, or its libraries are missing, one that says so."""
    try:
        command = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name == module.partition(".")[0]:
            return _refusing(called, f"'livecomments {called}' is part of a checkout of the project; run it in one")
        return _refusing(called, f"'livecomments {called}' needs {error.name}: requirements/set-up dev installs it")
    assert isinstance(command, click.Command)
    return command


def _refusing(called: str, reason: str) -> click.Command:
    anything = {"ignore_unknown_options": True, "allow_extra_args": True}

    @click.command(called, help=f"Not to be had as it is: {reason}.", context_settings=anything)
    def refuse() -> None:
        raise click.ClickException(reason)

    return refuse
