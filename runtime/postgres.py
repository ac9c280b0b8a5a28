"""Postgres: a pool and a single connection, every option explicit.

A DSN may name several servers, as in `postgresql://role@replica:5432,primary:5432/livecomments`: the first one that
answers is taken, and one that did not is asked last for a while.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit
from weakref import WeakKeyDictionary

import asyncpg

from runtime.settings import Settings

CONNECT_TIMEOUT_S: Final = 3
COMMAND_TIMEOUT_S: Final = 10
CLOSE_TIMEOUT_S: Final = 2
POOL_SIZE: Final = 10
POOL_ACQUIRE_TIMEOUT_S: Final = 2
IDLE_CONNECTION_S: Final = 300
SERVER_TIMEOUT_S: Final = 0.7  # to connect to one of several servers; less than anybody waits for a connection
AVOID_S: Final = 5.0  # for which a server that did not answer is asked last
SECOND_CHOICE_S: Final = 30.0  # a connection to another server than the first one is ended when it is so old

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
    return await _connect_to_one(
        settings.postgres_dsn,
        password=settings.secret("postgres_password_file"),
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=command_timeout_s,
        server_settings={"application_name": part, "timezone": "UTC"},
    )


async def pool(
    settings: Settings,
    part: str,
    session: Mapping[str, str] | None = None,
    chosen: Callable[[bool], None] = lambda _: None,
) -> asyncpg.Pool:
    """Return a pool that opens its connections when they are first needed, so that a part starts without Postgres.

    `session` holds Postgres settings for its sessions. Whoever uses it changes nothing else about a session: it goes
    back into the pool as it is, without the round trip of a reset. `chosen` is told of each new connection whether it
    leads to another server than the first one that the DSN names.
    """
    # (The stubs want one for every type of connection.)
    connect_as: Any = functools.partial(_connect_to_one, chosen=chosen)
    made: asyncpg.Pool = await asyncpg.create_pool(
        settings.postgres_dsn,
        connect=connect_as,
        password=settings.secret("postgres_password_file"),
        min_size=0,
        max_size=POOL_SIZE,
        timeout=CONNECT_TIMEOUT_S,
        command_timeout=COMMAND_TIMEOUT_S,
        max_inactive_connection_lifetime=IDLE_CONNECTION_S,
        reset=_leave_as_it_is,
        server_settings={"application_name": part, "timezone": "UTC", **(session or {})},
    )
    return made


def servers(dsn: str) -> list[str]:
    """Return a DSN for each server that a DSN names, in their order."""
    parts = urlsplit(dsn)
    user, at, hosts = parts.netloc.rpartition("@")
    return [urlunsplit(parts._replace(netloc=f"{user}{at}{host}")) for host in hosts.split(",")]


# Until when a server is asked last (monotonic, seconds), and when a connection to a second choice ends.
_avoided: dict[str, float] = {}
_second_choices: WeakKeyDictionary[asyncpg.Connection, float] = WeakKeyDictionary()


async def _connect_to_one(
    dsn: str, *, chosen: Callable[[bool], None] = lambda _: None, **options: Any
) -> asyncpg.Connection:
    """Return a connection to the first of the DSN's servers that answers. Raises one of `AWAY`: the last one's."""
    named = servers(dsn)
    if len(named) == 1:
        only: asyncpg.Connection = await asyncpg.connect(dsn, **options)
        return only
    now = time.monotonic()
    in_turn = sorted(named, key=lambda server: _avoided.get(server, 0.0) > now)  # stable
    for server in in_turn:
        try:
            made: asyncpg.Connection = await asyncpg.connect(server, **{**options, "timeout": SERVER_TIMEOUT_S})
        except AWAY:
            _avoided[server] = time.monotonic() + AVOID_S
            if server == in_turn[-1]:
                raise
        else:
            if server != named[0]:
                _second_choices[made] = time.monotonic() + SECOND_CHOICE_S
            chosen(server != named[0])
            return made
    raise AssertionError("a DSN names one server at least")


async def _leave_as_it_is(connection: asyncpg.Connection) -> None:
    """(Called when a connection goes back into its pool.) One to a second choice ends some time, to try the first."""
    if time.monotonic() > _second_choices.get(connection, float("inf")):
        # In a moment, when the pool has it back, and before anybody can be handed it.
        asyncio.get_running_loop().call_soon(connection.terminate)


async def close(opened: asyncpg.Pool | asyncpg.Connection) -> None:
    """Close a pool or a connection; both can otherwise wait for ever on a server that has gone silent."""
    with contextlib.suppress(Exception):
        await asyncio.wait_for(opened.close(), CLOSE_TIMEOUT_S)
    with contextlib.suppress(Exception):
        opened.terminate()
