"""Postgres: a pool and a single connection, every option explicit."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Final

import asyncpg

from runtime.settings import Settings

CONNECT_TIMEOUT_S: Final = 3
COMMAND_TIMEOUT_S: Final = 10
CLOSE_TIMEOUT_S: Final = 2
POOL_SIZE: Final = 10
POOL_ACQUIRE_TIMEOUT_S: Final = 2
IDLE_CONNECTION_S: Final = 300

# What asyncpg, and the sockets under it, raise while Postgres is away, restarts or fails over.
AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
)


class ArchiveAwayError(Exception):
    """Postgres cannot be reached, or did not answer in time."""


async def connect(settings: Settings, part: str, *, command_timeout_s: float = COMMAND_TIMEOUT_S) -> asyncpg.Connection:
    """Return a connection. Raises one of `AWAY`."""
    return await asyncpg.connect(
        settings.postgres_dsn,
        password=settings.secret("postgres_password_file"),
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=command_timeout_s,
        server_settings={"application_name": part, "timezone": "UTC"},
    )


async def pool(settings: Settings, part: str, session: Mapping[str, str] | None = None) -> asyncpg.Pool:
    """Return a pool that opens its connections when they are first needed, so that a part starts without Postgres.

    `session` holds Postgres settings for its sessions. Whoever uses it changes nothing else about a session: it goes
    back into the pool as it is, without the round trip of a reset.
    """
    made = asyncpg.create_pool(
        settings.postgres_dsn,
        password=settings.secret("postgres_password_file"),
        min_size=0,
        max_size=POOL_SIZE,
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=COMMAND_TIMEOUT_S,
        max_inactive_connection_lifetime=IDLE_CONNECTION_S,
        reset=_leave_as_it_is,
        server_settings={"application_name": part, "timezone": "UTC", **(session or {})},
    )
    return await made


async def _leave_as_it_is(_: asyncpg.Connection) -> None:
    pass


async def close(opened: asyncpg.Pool | asyncpg.Connection) -> None:
    """Close a pool or a connection; both can otherwise wait for ever on a server that has gone silent."""
    with contextlib.suppress(Exception):
        await asyncio.wait_for(opened.close(), CLOSE_TIMEOUT_S)
    with contextlib.suppress(Exception):
        opened.terminate()
