"""`livecomments up`: the whole system on this machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import Final

import click
from rich.console import Console
from rich.status import Status

from cluster import binaries, ports
from cluster.data_folder import DataFolder
from cluster.passwords import secret_files
from cluster.plan import make_plan
from cluster.system import System
from runtime.logs import quiet_logs
from runtime.settings import Settings, read_settings

_STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@click.command()
def up() -> None:
    """Run the whole system on this machine, until Ctrl-C.

    Prints 'ready http://127.0.0.1:8080' when the first request would succeed. The data stays in .data, with a log of
    each process in .data/logs; .data/cluster.json says what runs where. A process that dies is started again. Ctrl-C
    ends everything in order, a second one at once.

    \b
    LIVECOMMENTS_PORT      8080     the public port
    LIVECOMMENTS_DATA_DIR  .data    where the data is kept
    LIVECOMMENTS_EDGES     2        edge processes
    'livecomments settings' lists all the others.
    """  # noqa: D301  click's mark for lines that stay as they are
    quiet_logs()
    asyncio.run(_run(read_settings(), _Display()))


async def _run(settings: Settings, display: _Display) -> None:
    binaries.check_all()
    if not settings.data_dir.exists():
        _check_public_ports(settings)  # a start that is refused leaves no folder behind
    folder = DataFolder(settings.data_dir)
    _check_public_ports(settings)
    plan = make_plan(settings, folder, secret_files(folder.secrets))
    system = System(plan, folder, display)
    asked: asyncio.Queue[signal.Signals] = asyncio.Queue()
    for number in _STOP_SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup has it ignored
            asyncio.get_running_loop().add_signal_handler(number, asked.put_nowait, number)
    starting = asyncio.create_task(system.start())
    stop_asked = asyncio.create_task(asked.get())
    try:
        await asyncio.wait({starting, stop_asked}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            if plan.gateway.https is not None:
                display.note(f"HTTPS, with HTTP/2: {plan.gateway.https.url}")
            display.ready(plan.gateway.url, f"Ctrl-C ends it; the logs are in {settings.data_dir / 'logs'}")
            await stop_asked
    finally:
        display.step("ending everything")
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await starting  # a failure has been raised above
        await _stop(system, asked)
        display.end()
        folder.release()


def _check_public_ports(settings: Settings) -> None:
    """Raise `PortError` unless the gateway can have its ports."""
    ports.check_public_port(settings.port, "LIVECOMMENTS_PORT")
    if settings.tls_cert_file is not None:
        ports.check_public_port(settings.tls_port, "LIVECOMMENTS_TLS_PORT")


async def _stop(system: System, asked: asyncio.Queue[signal.Signals]) -> None:
    """End the system in order; at once when that is asked for again."""
    stopping = asyncio.create_task(system.stop())
    asked_again = asyncio.create_task(asked.get())
    await asyncio.wait({stopping, asked_again}, return_when=asyncio.FIRST_COMPLETED)
    if stopping.done():
        asked_again.cancel()
        stopping.result()
        return
    stopping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await stopping
    await system.abort()


class _Display:
    """Shows how far the start is: a line that changes in a terminal, a line each elsewhere."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._status: Status | None = None

    def step(self, text: str) -> None:
        """Show what is being done now."""
        if not self._console.is_terminal:
            self._say(f"{text} …")
        elif self._status is None:
            self._status = self._console.status(text)
            self._status.start()
        else:
            self._status.update(text)

    def note(self, text: str) -> None:
        """Show something that happened."""
        self._say(text)

    def ready(self, url: str, hint: str) -> None:
        """Say on standard output where the service is."""
        self.end()
        click.echo(f"ready {url}")
        self._say(hint)

    def end(self) -> None:
        """Take the line that changes away."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _say(self, text: str) -> None:
        with contextlib.suppress(OSError):  # whoever read it has gone
            self._console.print(text, markup=False, soft_wrap=True)
