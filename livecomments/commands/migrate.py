"""`livecomments migrate`: the database brought up to date."""

from __future__ import annotations

import asyncio

import click
from rich.console import Console

from cluster import migration
from runtime import assets
from runtime.settings import read_settings


@click.command()
def migrate() -> None:
    """Bring the database up to date.

    Applies the migrations that LIVECOMMENTS_POSTGRES_DSN does not have yet (password in
    LIVECOMMENTS_POSTGRES_PASSWORD_FILE), and gives the services' roles the passwords in
    LIVECOMMENTS_ARCHIVER_PASSWORD_FILE and LIVECOMMENTS_HISTORY_PASSWORD_FILE, where these are set. Waits up to a
    minute for Postgres. Run it before new versions of the services start; it may be run at any time.
    """
    settings = read_settings()
    console = Console(stderr=True, highlight=False)
    with console.status("bringing the database up to date"):
        asyncio.run(migration.migrate(settings, assets.folder("migrations"), lambda text: _say(console, text)))
    click.echo("the database is up to date")


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, soft_wrap=True)
