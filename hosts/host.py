"""One service: started, watched, started again, stopped, as Docker does it; and killed, paused, cut off."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from hosts.compose_file import Health, Service
from hosts.container import Spec, privileged
from hosts.images import ROOT, Image
from hosts.network import Network

FIRST_RESTART_S: Final = 0.1  # doubled each time, up to a minute, until a container lives for ten seconds
LONGEST_RESTART_S: Final = 60.0
LIVED_WELL_S: Final = 10.0
KILL_WAIT_S: Final = 10.0
LAST_LINES: Final = 15
SETTLED_LOOKS: Final = 3

_NSENTER: Final = shutil.which("nsenter") or "nsenter"  # whatever PATH a container has
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_MEMORY: Final = Path("/sys/fs/cgroup/memory")


class HostError(Exception):
    """A service does not do what compose.yaml expects of it; the message has the end of its log."""


class Host:
    """A service in a namespace of its own."""

    def __init__(self, service: Service, image: Image, network: Network, folder: Path) -> None:
        self.service = service
        self.name = service.name
        self.log = folder / "logs" / f"{self.name}.log"
        self.pid = 0  # of its first process, as this machine sees it; 0: it does not run
        self.exit_code: int | None = None
        self.health = "starting"
        self.starts = 0
        self.overran = 0  # how often it had to be killed because it did not end within its grace
        self.started_at = 0.0
        self._passed = 0  # looks in a row that found it healthy
        self._image = image
        self._network = network
        self._folder = folder
        self._wanted = False
        self._changed = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None

    @property
    def runs(self) -> bool:
        """Whether there is a container now."""
        return self.pid != 0

    @property
    def ready(self) -> bool:
        """Whether it runs, and is healthy where it says what that is."""
        return self.runs and (self.service.health is None or self.health == "healthy")

    @property
    def settled(self) -> bool:
        """Whether the last looks at it, since `doubt`, have all found it healthy."""
        return self.ready and (self.service.health is None or self._passed >= SETTLED_LOOKS)

    def doubt(self) -> None:
        """Forget how it was: what it says of itself is asked for again."""
        self._passed = 0

    async def start(self) -> None:
        """Start it, and keep it as its restart policy says."""
        self._wanted = True
        await self._spawn()
        self._keeper = asyncio.create_task(self._keep(), name=f"keep {self.name}")

    async def stop(self) -> float:
        """Stop it as `docker stop` does. Returns how long that took, in seconds."""
        began = time.monotonic()
        self._wanted = False
        self.signal(self.service.stop_signal)
        if not await self._ended(self.service.grace_s):
            self.overran += 1
            self.signal(signal.SIGKILL)
            await self._ended(KILL_WAIT_S)
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
        self._forget()
        return time.monotonic() - began

    def kill(self) -> None:
        """Let it crash: every process of it is gone at once."""
        self.signal(signal.SIGKILL)

    def pause(self) -> None:
        """Stop all its processes; its connections stay open, and nothing answers."""
        for pid in self._pids():
            _send(pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let them go on."""
        for pid in self._pids():
            _send(pid, signal.SIGCONT)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to its first process."""
        if self.pid:
            _send(self.pid, number)

    async def until(self, condition: Callable[[Host], bool], what: str, within_s: float) -> None:
        """Wait for something to be true of it. Raises `HostError`."""
        try:
            async with asyncio.timeout(within_s):
                while not condition(self):
                    self._changed.clear()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._changed.wait(), 0.5)
        except TimeoutError:
            raise HostError(f"{self.name} was not {what} within {within_s:.0f} s:\n{self.last_words()}") from None

    def cpu_s(self) -> float:
        """Return the CPU seconds, user and system, that its processes have used, those that ended among them."""
        ticks = 0
        for pid in self._pids():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(") ")[2].split()
                ticks += sum(int(one) for one in fields[11:15])  # its own, and of its children that have ended
        return ticks / _TICKS_PER_S

    def last_words(self) -> str:
        """Return the end of its log."""
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            lines = []
        return "\n".join(lines[-LAST_LINES:]) or "(it said nothing)"

    async def run(self, *command: str, within_s: float = 30.0) -> tuple[int, str]:
        """Run a command in its container, as `docker exec` does. Returns its status and what it said."""
        process = await asyncio.create_subprocess_exec(
            *(_NSENTER, "--target", str(self.pid), "--all", "--root", "--wd", "--"),
            *privileged(self._user, self._capabilities),
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=self._environment(),
            start_new_session=True,
        )
        try:
            said, _ = await asyncio.wait_for(process.communicate(), within_s)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            return 124, ""
        assert process.returncode is not None
        return process.returncode, said.decode(errors="replace")

    # Its life.

    async def _keep(self) -> None:
        pause_s = FIRST_RESTART_S
        while True:
            assert self._process is not None
            watch = asyncio.create_task(self._watch_health()) if self.service.health is not None else None
            code = await self._process.wait()
            if watch is not None:
                watch.cancel()
            self._forget()
            self.exit_code = code
            self._changed.set()
            again = self.service.restart in ("always", "unless-stopped") or (
                self.service.restart == "on-failure" and code != 0
            )
            if not self._wanted or not again:
                return
            if time.monotonic() - self.started_at > LIVED_WELL_S:
                pause_s = FIRST_RESTART_S
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_RESTART_S)
            await self._spawn()

    async def _spawn(self) -> None:
        self._network.plug(self.name)
        service = self.service
        root = self._folder / "roots" / self.name
        root.mkdir(parents=True, exist_ok=True)
        entrypoint = self._image.entrypoint if service.entrypoint is None else service.entrypoint
        given = self._image.command if service.command is None and service.entrypoint is None else service.command or ()
        spec = Spec(
            root=str(root),
            hostname=self.name,
            command=[*entrypoint, *given],
            environment=self._environment(),
            user=self._user,
            programs={target: str(source) for target, source in self._image.programs.items()},
            folders=[str(folder) for folder in self._image.folders],
            mounts=[
                (str(self.volume(one.source) if one.is_volume else ROOT / one.source), one.target, one.read_only)
                for one in service.mounts
            ],
            tmpfs=list(service.tmpfs),
            read_only=service.read_only,
            capabilities=self._capabilities,
            open_files=service.open_files,
        )
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *("sh", "-c", self._limited(), "sh"),
                *("setpriv", "--pdeathsig", "KILL", "--"),
                *(_NSENTER, f"--net=/run/netns/{self._network.namespace(self.name)}"),
                *("unshare", "--mount", "--pid", "--ipc", "--fork", "--kill-child=KILL", "--propagation", "private"),
                *(sys.executable, "-m", "hosts.container", spec.encode()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                start_new_session=True,
            )
        self.started_at = time.monotonic()
        self.starts += 1
        self.health, self.exit_code = "starting", None
        self.pid = await self._first_pid(self._process)
        self._changed.set()

    def volume(self, name: str) -> Path:
        """Return the folder of a named volume; a new one belongs to whom the image says."""
        folder = self._folder / "volumes" / name
        if not folder.exists():
            folder.mkdir(parents=True)
            folder.chmod(0o755)
            for mount in self.service.mounts:
                owner = self._image.owned.get(mount.target)
                if mount.source == name and owner is not None:
                    uid, _, gid = owner.partition(":")
                    os.chown(folder, int(uid), int(gid))
        return folder

    def _limited(self) -> str:
        """Return a shell's words that put a process under the memory limit of the service, and go on."""
        if self.service.memory_bytes is None or not os.access(_MEMORY, os.W_OK):
            return 'exec "$@"'
        group = _MEMORY / self._network.namespace(self.name)
        group.mkdir(exist_ok=True)
        (group / "memory.limit_in_bytes").write_text(str(self.service.memory_bytes))
        return f'echo $$ >{group}/cgroup.procs; exec "$@"'

    def clean_up(self) -> None:
        """Leave nothing behind on this machine."""
        with contextlib.suppress(OSError):
            (_MEMORY / self._network.namespace(self.name)).rmdir()

    async def _first_pid(self, process: asyncio.subprocess.Process) -> int:
        """Return the process that is number one in the container."""
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        while process.returncode is None:
            with contextlib.suppress(OSError):
                listed = children.read_text().split()
                if listed:
                    return int(listed[0])
            await asyncio.sleep(0.005)
        return 0

    def _forget(self) -> None:
        self.pid = 0
        self._network.unplug(self.name)

    async def _ended(self, within_s: float) -> bool:
        if self._process is None:
            return True
        try:
            await asyncio.wait_for(self._process.wait(), within_s)
        except TimeoutError:
            return False
        return True

    # Its health.

    async def _watch_health(self) -> None:
        how = self.service.health
        assert how is not None
        failures = 0
        while True:
            young = time.monotonic() - self.started_at < how.start_period_s
            starting = self.health == "starting" and young
            await asyncio.sleep(how.start_interval_s if starting else how.interval_s)
            if await self._is_healthy(how):
                failures = 0
                self._passed += 1
                self._set_health("healthy")
                self._changed.set()
                continue
            self._passed = 0
            if not starting:
                failures += 1
                if failures >= how.retries:
                    self._set_health("unhealthy")

    async def _is_healthy(self, how: Health) -> bool:
        status, said = await self.run(*how.test, within_s=how.timeout_s)
        if status not in (0, 1, 124):
            with self.log.open("a", encoding="utf-8") as log:
                log.write(f"(health: status {status}: {said.strip()[-500:]})\n")
        return status == 0

    def _set_health(self, health: str) -> None:
        if health != self.health:
            self.health = health
            self._changed.set()

    # What it is made of.

    @property
    def _user(self) -> str:
        return self.service.user or self._image.user

    @property
    def _capabilities(self) -> list[str] | None:
        return None if self.service.capabilities is None else list(self.service.capabilities)

    def _environment(self) -> dict[str, str]:
        return {"HOSTNAME": self.name, "HOME": "/", **self._image.environment, **self.service.environment}

    def _pids(self) -> list[int]:
        """Return all processes of the container."""
        if not self.pid:
            return []
        space = Path(f"/proc/{self.pid}/ns/pid")
        try:
            wanted = space.readlink()
        except OSError:
            return []
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    if (entry / "ns" / "pid").readlink() == wanted:
                        found.append(int(entry.name))
        return found


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
