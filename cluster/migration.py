"""The database brought up to date: dbmate applies `migrations/`, and the services' roles get their passwords."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import asyncpg

from cluster import binaries
from cluster.errors import MigrationError
from cluster.run_once import run_once
from runtime import postgres
from runtime.settings import Settings

WAIT_LIMIT_S: Final = 60.0  # for Postgres to take connections
WAIT_INTERVAL_S: Final = 0.5
LOCK_LIMIT: Final = "2m"  # for another `migrate` to end

_PASSWORDS_LOCK: Final = 7_237_970_109_966_541_171  # any number that nobody else takes

# role: the setting that names the file with its password
_ROLES: Final = {
    "livecomments_archiver": "archiver_password_file",
    "livecomments_history": "history_password_file",
}


async def migrate(settings: Settings, migrations: Path, tell: Callable[[str], None] = lambda _: None) -> None:
    """Apply what is new in `migrations`, and set the roles' passwords where the settings name them.

    `tell` hears, once, that Postgres has to be waited for.
    Raises `MigrationError`, `SettingsError`. Can be run by several at once, and again at any time.
    """
    database = await _connect(settings, tell)
    try:
        tls = await database.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        await _apply(settings, migrations, tls=bool(tls))
        await set_passwords(database, settings)
    finally:
        await postgres.close(database)


async def set_passwords(database: asyncpg.Connection, settings: Settings) -> None:
    """Give the services' roles the passwords that the settings name. Can be done by several at once."""
    async with database.transaction():
        # One at a time: of two who change a role at once Postgres ends one ("tuple concurrently updated").
        await database.execute("SELECT pg_advisory_xact_lock($1)", _PASSWORDS_LOCK)
        for role, setting in _ROLES.items():
            password = settings.secret(setting)
            if password is not None:
                # A statement without parameters: so the password is sent as its own literal. `quote_literal` is the
                # server's, and the log does not hold the text of a statement that succeeds.
                literal = await database.fetchval("SELECT quote_literal($1::text)", password)
                await database.execute(f"ALTER ROLE {role} PASSWORD {literal}")


async def _connect(settings: Settings, tell: Callable[[str], None]) -> asyncpg.Connection:
    """Return a connection, as soon as Postgres takes one. Raises `MigrationError`."""
    deadline = time.monotonic() + WAIT_LIMIT_S
    told = False
    while True:
        try:
            return await postgres.connect(settings, "migrate", command_timeout_s=WAIT_LIMIT_S)
        except postgres.AWAY as error:
            if time.monotonic() > deadline:
                raise MigrationError(f"{_reason(error)} (LIVECOMMENTS_POSTGRES_DSN)") from None
            if not told:
                tell(f"{_reason(error)}; waiting for up to {WAIT_LIMIT_S:.0f} s (LIVECOMMENTS_POSTGRES_DSN)")
            told = True
        await asyncio.sleep(WAIT_INTERVAL_S)


async def _apply(settings: Settings, migrations: Path, *, tls: bool) -> None:
    status, errors = await run_once(
        (
            *(str(binaries.dbmate()), "--migrations-dir", str(migrations), "--no-dump-schema"),
            *("--migration-lock", "--migration-lock-timeout", LOCK_LIMIT, "migrate"),
        ),
        {
            "PATH": os.environ.get("PATH", os.defpath),
            "DATABASE_URL": database_url(
                settings.postgres_dsn, settings.secret("postgres_password_file"), "require" if tls else "disable"
            ),
        },
    )
    if status != 0:
        raise MigrationError(f"dbmate: {errors[-1].removeprefix('Error: ')}")


def database_url(dsn: str, password: str | None, sslmode: str) -> str:
    """Return a DSN with a password put in, and with an `sslmode` where it has none: dbmate's own default is TLS."""
    parts = urlsplit(dsn)
    query: Mapping[str, str] = {"sslmode": sslmode, **dict(parse_qsl(parts.query))}
    user, _, host = parts.netloc.rpartition("@")
    if password is not None:
        user = f"{user.partition(':')[0]}:{quote(password, safe='')}"
    netloc = f"{user}@{host}" if user else host
    return urlunsplit((parts.scheme, netloc, parts.path, urlencode(query), parts.fragment))


def _reason(error: BaseException) -> str:
    lines = str(error).splitlines()
    return f"Postgres does not answer: {lines[0]}" if lines else f"Postgres does not answer: {type(error).__name__}"
