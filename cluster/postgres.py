"""Postgres on this machine: its data, its command line, its readiness.

It listens on the loopback address alone, wants passwords (scram), and never runs as root: an `up` of root's runs it as
`nobody`, which may then pass through directories that only root may enter, and nothing else.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

import asyncpg

from cluster import binaries, passwords
from cluster.child import Program
from cluster.errors import StartError
from cluster.memory import memory_bytes
from cluster.ports import LOOPBACK
from cluster.run_once import run_once
from runtime.postgres import AWAY

OWNER: Final = "livecomments_owner"
DATABASE: Final = "livecomments"
START_LIMIT_S: Final = 60.0  # crash recovery included
CONNECT_TIMEOUT_S: Final = 3.0
EARLIER_SERVER_LIMIT_S: Final = 30.0
STOP_WAIT_S: Final = 20.0
_ROOT_RUNS_IT_AS: Final = "nobody"

# What it keeps in memory itself, of the machine's. A page of history that is not there is copied out of the kernel's
# cache, some twenty blocks. It takes memory as it is used, so a small cluster takes little.
BUFFERS_SHARE: Final = 1 / 8  # a machine that does nothing else would give a quarter; here all parts share one
LEAST_BUFFERS_MB: Final = 128
MOST_BUFFERS_MB: Final = 4_096

# Said on the command line, so that a change here holds for a directory that an earlier version has made.
_CONFIGURATION: Final = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "synchronous_commit": "on",
    "wal_level": "replica",
    "password_encryption": "scram-sha-256",
    "jit": "off",  # pages are index descents: compiling them costs more than running them
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A failed statement's text and its DETAIL could hold what somebody wrote.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


@dataclass(frozen=True, slots=True)
class Postgres:
    """A Postgres server: where its data is, where it listens, and its owner's password."""

    data: Path
    port: int
    password_file: Path

    @property
    def dsn(self) -> str:
        """Return the owner's address of the database, password included."""
        return self.dsn_of(OWNER, passwords.read(self.password_file))

    def dsn_of(self, role: str, password: str | None = None, database: str = DATABASE) -> str:
        """Return the address of the database for a role. TLS is off: it never leaves the machine."""
        user = role if password is None else f"{role}:{quote(password, safe='')}"
        return f"postgresql://{user}@{LOOPBACK}:{self.port}/{database}?sslmode=disable"

    def program(self) -> Program:
        """Return how to run it. `make_data` comes first."""
        here = {"port": str(self.port), "shared_buffers": f"{buffers_mb(memory_bytes())}MB"}
        options = [f"--{name}={value}" for name, value in {**_CONFIGURATION, **here}.items()]
        return Program(
            name="postgres",
            command=(str(binaries.postgres("postgres")), "-D", str(self.data), *options),
            environment=_environment(),
            privileges=_privileges(self._runs_as()),
            stop_signal=signal.SIGINT,  # fast: sessions are ended, what is committed stays
            stop_wait_s=STOP_WAIT_S,
            abort_signal=signal.SIGQUIT,
            death_signal=signal.SIGINT,
            before_start=self._wait_for_earlier_server,
        )

    async def make_data(self) -> None:
        """Make the data directory where there is none. Raises `StartError`."""
        version = self.data / "PG_VERSION"
        if version.exists():
            major = version.read_text(encoding="ascii").strip()
            if major != str(binaries.POSTGRES_MAJOR):
                raise StartError(
                    f"{self.data} was made by Postgres {major}, this is {binaries.POSTGRES_MAJOR}: "
                    "set LIVECOMMENTS_DATA_DIR to a new directory, or bring the data over with pg_upgrade"
                )
            return
        # Made aside and renamed, so that a run that ends in between leaves nothing that looks complete.
        new = self.data.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        owner = self._runs_as()
        if owner is not None:
            os.chown(new, owner.pw_uid, owner.pw_gid)
        status, errors = await run_once(
            (
                *("setpriv", "--pdeathsig", "KILL", *_privileges(owner), "--"),
                *(str(binaries.postgres("initdb")), "-D", str(new), "-U", OWNER),
                *(f"--pwfile={self.password_file}", "--auth=scram-sha-256"),
                *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
                "--no-instructions",
            ),
            _environment(),
        )
        if status != 0:
            raise StartError(f"initdb failed: {errors[0].removeprefix('initdb: error: ')}")
        new.rename(self.data)

    async def is_ready(self) -> bool:
        """Return whether it takes connections."""
        try:
            await (await self._connect("postgres")).close()
        except AWAY:
            return False
        return True

    async def make_database(self) -> None:
        """Make the database where there is none."""
        connection = await self._connect("postgres")
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
                await connection.execute(f"CREATE DATABASE {DATABASE}")
        finally:
            await connection.close()

    async def _connect(self, database: str) -> asyncpg.Connection:
        return await asyncpg.connect(
            self.dsn_of(OWNER, database=database),
            password=passwords.read(self.password_file),
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=START_LIMIT_S,
        )

    def _runs_as(self) -> pwd.struct_passwd | None:
        """Return the user that it runs as when we are root; None for ourselves."""
        if os.geteuid() != 0:
            return None
        try:
            owner = self.data.stat().st_uid
        except FileNotFoundError:
            owner = 0
        # A directory that somebody made before root came keeps its owner: Postgres insists on being that.
        return pwd.getpwuid(owner) if owner != 0 else pwd.getpwnam(_ROOT_RUNS_IT_AS)

    async def _wait_for_earlier_server(self) -> None:
        """Wait until a server that an earlier run has left behind has ended. Raises `StartError`.

        When `up` is killed, the kernel tells Postgres to stop, and that takes a moment. A `postmaster.pid` whose number
        some other process has by now would keep Postgres from starting: it is removed.
        """
        pid_file = self.data / "postmaster.pid"
        deadline = time.monotonic() + EARLIER_SERVER_LIMIT_S
        while True:
            try:
                pid = int(pid_file.read_text(encoding="utf-8").split("\n", 1)[0])
            except (FileNotFoundError, ValueError):
                return
            if not _is_server_of(pid, self.data):
                pid_file.unlink(missing_ok=True)
                return
            if time.monotonic() > deadline:
                raise StartError(f"a Postgres that is not ours (process {pid}) uses {self.data}: end it first")
            await asyncio.sleep(0.1)


def buffers_mb(memory: int) -> int:
    """Return how much Postgres keeps in memory itself on a machine with so many bytes of it."""
    return min(max(int(memory * BUFFERS_SHARE) // 1024**2, LEAST_BUFFERS_MB), MOST_BUFFERS_MB)


def _is_server_of(pid: int, data: Path) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z" and os.fsencode(data) in words and words[0].endswith(b"postgres")


def _privileges(user: pwd.struct_passwd | None) -> tuple[str, ...]:
    if user is None:
        return ()
    return (
        *("--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups"),
        # The data, and often the programs, lie in directories that only root may enter.
        *("--inh-caps=+dac_override", "--ambient-caps=+dac_override"),
    )


def _environment() -> dict[str, str]:
    """Return an environment without PG* variables and locales that would change what it does."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
