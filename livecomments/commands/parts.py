"""`livecomments writer | archiver | edge | history`: one part in this process, until SIGTERM or Ctrl-C.

What a part needs is imported when it is run: one part does not load another's libraries.
"""

from __future__ import annotations

import click

from runtime import assets, lean, service  # noqa: F401  lean: before anything that loads what a part does not need
from runtime.settings import read_settings


@click.command()
def writer() -> None:
    """Run a writer: takes comments and stores them in JetStream.

    Serves what changes something (POST /comments/VIDEO, moderation, revocations), and /healthz, /readyz and /metrics,
    on LIVECOMMENTS_LISTEN. Needs NATS (LIVECOMMENTS_NATS_URL, LIVECOMMENTS_NATS_PASSWORD_FILE), its streams
    ('livecomments streams'), and keys for tokens (LIVECOMMENTS_TOKEN_SECRET_FILE, or as LIVECOMMENTS_TOKEN_ALGORITHMS
    says).
    """
    from writer.app import make_service  # noqa: PLC0415

    service.run(make_service, read_settings())


@click.command()
def archiver() -> None:
    """Run an archiver: copies the streams into Postgres.

    Serves /healthz, /readyz and /metrics on LIVECOMMENTS_LISTEN. Needs NATS (LIVECOMMENTS_NATS_URL,
    LIVECOMMENTS_NATS_PASSWORD_FILE) with its streams ('livecomments streams'), and Postgres
    (LIVECOMMENTS_POSTGRES_DSN as the role livecomments_archiver, LIVECOMMENTS_POSTGRES_PASSWORD_FILE).
    A second one stands by and takes over.
    """
    from writer.archiving.archiver_app import make_service  # noqa: PLC0415

    service.run(make_service, read_settings())


@click.command()
def edge() -> None:
    """Run an edge: streams comments to viewers.

    Serves GET /comments/VIDEO/stream and /snapshot, and /healthz, /readyz and /metrics, on LIVECOMMENTS_LISTEN. Needs
    NATS (LIVECOMMENTS_NATS_URL, LIVECOMMENTS_NATS_PASSWORD_FILE), its streams ('livecomments streams'), and keys for
    tokens (LIVECOMMENTS_TOKEN_SECRET_FILE, or as LIVECOMMENTS_TOKEN_ALGORITHMS says).
    """
    from edge.app import HTTP_PROTOCOL, make_service  # noqa: PLC0415

    service.run(make_service, read_settings(), HTTP_PROTOCOL)


@click.command()
def history() -> None:
    """Run a history server: pages out of Postgres.

    Serves GET /comments/VIDEO and /videos/VIDEO and the page at /, and /healthz, /readyz and /metrics, on
    LIVECOMMENTS_LISTEN. Needs Postgres (LIVECOMMENTS_POSTGRES_DSN as the role livecomments_history,
    LIVECOMMENTS_POSTGRES_PASSWORD_FILE), NATS (LIVECOMMENTS_NATS_URL, LIVECOMMENTS_NATS_PASSWORD_FILE), and keys for
    tokens (LIVECOMMENTS_TOKEN_SECRET_FILE, or as LIVECOMMENTS_TOKEN_ALGORITHMS says).
    """
    from history.app import make_service  # noqa: PLC0415

    settings = read_settings()
    if settings.web_dir is None:
        settings = settings.model_copy(update={"web_dir": assets.folder("web")})
    service.run(make_service, settings)
