"""`livecomments streams`: the streams created, or brought up to date."""

from __future__ import annotations

import asyncio

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from cluster import placement
from runtime import jetstream, postgres
from runtime.logs import quiet_logs
from runtime.settings import Settings, read_settings
from runtime.streams import provision
from wire import subjects

FURTHER = (subjects.SET_ASIDE_STREAM, subjects.VIDEO_STATES_STREAM, subjects.REVOCATIONS_STREAM)


@click.command()
@click.option("--without", metavar="SERVER", help="A NATS server that is to leave the cluster, or has gone for good.")
def streams(*, without: str | None) -> None:
    """Create the streams in NATS, or bring them up to date.

    One stream for each of LIVECOMMENTS_SHARDS shards, of at most LIVECOMMENTS_STREAM_BYTES, with LIVECOMMENTS_REPLICAS
    copies; one for messages that Postgres could not hold; one for the states of moderated videos, of at most
    LIVECOMMENTS_MODERATION_BYTES; and one for revoked tokens. Needs NATS (LIVECOMMENTS_NATS_URL,
    LIVECOMMENTS_NATS_PASSWORD_FILE) and Postgres as its owner ('livecomments migrate' comes first). A second run
    changes nothing. With LIVECOMMENTS_NATS_OPERATOR_PASSWORD_FILE it also spreads the streams, and who leads them, over
    all servers of the cluster: run it when one was added, or was restarted. When one is to leave, run it with --without
    before that one is stopped, which moves its copies elsewhere, and after it, which has the others forget it.
    """
    quiet_logs()
    settings = read_settings()
    asyncio.run(_run(settings, without))
    click.echo(f"the streams of {settings.shards} shards are there")


async def _run(settings: Settings, without: str | None) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("waiting for NATS", total=settings.shards + len(FURTHER))
        connection = await jetstream.connect(settings, "streams")
        try:
            progress.update(task, description="streams")
            database = await postgres.connect(settings, "streams")
            try:
                await provision(connection, database, settings, lambda _: progress.advance(task))
            finally:
                await postgres.close(database)
        finally:
            await jetstream.close(connection)
    names = [*map(subjects.stream_name, range(settings.shards)), *FURTHER]
    await placement.spread(settings, names, click.echo, without)
