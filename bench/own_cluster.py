"""A cluster of its own for a measurement or a test: `livecomments up` in a folder of its own, ended with the block."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import orjson

from livecomments.cluster_here import CLUSTER_FILE, token_issuer
from runtime.settings import PREFIX, Settings

START_TIMEOUT_S: Final = 120
STOP_TIMEOUT_S: Final = 30
CLI_TIMEOUT_S: Final = 120
LOG_LINES_SHOWN: Final = 40

# A load comes from few addresses and few users, and its viewers are owed every comment, not a readable sample.
RATES_OFF: Final = {
    "LIVECOMMENTS_READABLE_RATE": "0",
    "LIVECOMMENTS_USER_RATE": "0",
    "LIVECOMMENTS_USER_TOTAL_RATE": "0",
    "LIVECOMMENTS_POSTS_PER_ADDRESS": "0",
    "LIVECOMMENTS_GUESTS_PER_ADDRESS": "0",
    "LIVECOMMENTS_REQUESTS_PER_ADDRESS": "0",
    "LIVECOMMENTS_OPEN_PER_ADDRESS": "0",
}
STREAM_LIMITS_OFF: Final = {
    "LIVECOMMENTS_STREAMS_PER_ADDRESS": "0",
    "LIVECOMMENTS_STREAMS_PER_USER": "0",
}

_LIBC: Final = ctypes.CDLL(None)
_PR_SET_PDEATHSIG: Final = 1  # prctl(2)


class OwnCluster:
    """A cluster that runs in `data_dir`, at `url`; `env` is what a command needs to find it."""

    def __init__(self, data_dir: Path, settings: Mapping[str, str]) -> None:
        self.data_dir = data_dir
        port = settings.get("LIVECOMMENTS_PORT") or str(free_port())
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        self.env = {**inherited, **settings, "LIVECOMMENTS_DATA_DIR": str(data_dir), "LIVECOMMENTS_PORT": port}
        self.url = f"http://127.0.0.1:{port}"
        self.log: list[str] = []
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        """Return the process id of `livecomments up`."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, and return when it is ready. Raises `RuntimeError`, with the end of its log, when it is not."""
        start = _Start()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "livecomments", "up"],
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # Ctrl-C is for whoever started this, who then ends it in good order
            preexec_fn=_end_with_parent,  # noqa: PLW1509  one system call, and nothing that a thread could hold
        )
        threading.Thread(target=self._read_log, args=(self._process, start), daemon=True).start()
        start.heard.wait(START_TIMEOUT_S)
        if not start.is_ready:
            self.stop()
            raise RuntimeError("the cluster did not get ready:\n" + "".join(self.log[-LOG_LINES_SHOWN:]))

    def stop(self) -> int:
        """End it as Ctrl-C would, and return its exit status. Harmless when it does not run."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.terminate()
        try:
            return self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            raise

    def kill(self) -> None:
        """End it at once: the kernel ends what it has started. Harmless when it does not run."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def describe(self) -> dict[str, Any]:
        """Return what runs where: `cluster.json` as it is now."""
        return dict(orjson.loads((self.data_dir / CLUSTER_FILE).read_bytes()))

    def token(self, user: str, *, ttl_s: float = 3600, **claims: Any) -> str:
        """Return a token; `claims` are `name`, `role` and `videos`."""
        return token_issuer(Settings(data_dir=self.data_dir)).issue(user, ttl_s, **claims)

    def cli(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command of `livecomments` against this cluster, and return what it printed."""
        return subprocess.run(
            self.command(*arguments),
            env={**self.env, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=CLI_TIMEOUT_S,
            check=False,
        )

    @staticmethod
    def command(*arguments: str) -> Sequence[str]:
        """Return how a command of `livecomments` is called."""
        return (sys.executable, "-m", "livecomments", *arguments)

    def _read_log(self, process: subprocess.Popen[str], start: _Start) -> None:
        """Keep what the cluster says, until it has ended."""
        assert process.stdout is not None
        for line in process.stdout:
            self.log.append(line)
            if line.startswith("ready "):
                start.is_ready = True
                start.heard.set()
        start.heard.set()  # whoever waits must learn of its end


class _Start:
    """What is heard of one start. The next has its own: the end of an earlier process may be heard only then."""

    def __init__(self) -> None:
        self.heard = threading.Event()  # that it is ready, or that it has ended
        self.is_ready = False


@contextlib.contextmanager
def own_cluster(settings: Mapping[str, str], data_dir: Path | None = None) -> Iterator[OwnCluster]:
    """Run a cluster with these settings for as long as the block lasts. Its data goes with it, unless it has a folder.

    Raises `RuntimeError`, with the end of its log, when it does not get ready.
    """
    with contextlib.ExitStack() as stack:
        folder = data_dir or Path(stack.enter_context(TemporaryDirectory(prefix="livecomments-")))
        cluster = OwnCluster(folder, settings)
        stack.callback(cluster.stop)
        cluster.start()
        yield cluster


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end_with_parent() -> None:
    """Have the kernel send this process SIGTERM when the one that started it is gone, however that ended."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
