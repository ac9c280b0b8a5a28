"""The connection to NATS: every option explicit, silence noticed, and nobody left waiting on one that is lost."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final
from weakref import WeakKeyDictionary

import nats.errors
from nats.aio.client import Client

import nats
from runtime.jetstream.errors import StoreAwayError
from runtime.logs import Repeats, get_logger
from runtime.metrics import NATS_DISCONNECTS
from runtime.settings import Settings, SettingsError

CONNECT_TIMEOUT_S: Final = 2
START_WAIT_S: Final = 30  # how long a part waits for NATS at its start before it gives up
PING_INTERVAL_S: Final = 1  # with two pings outstanding, a silent server is noticed in 3 s
MAX_OUTSTANDING_PINGS: Final = 2
UNACKNOWLEDGED_MS: Final = 4_000  # … also where so much waits to be sent that the pings cannot be
RECONNECT_WAIT_S: Final = (0.1, 0.4)  # nats-py has no jitter of its own: each process picks one wait out of this range
PENDING_OUT_BYTES: Final = 8 * 1024 * 1024  # what may wait to be sent while disconnected

_log = get_logger("nats")


async def connect(
    settings: Settings, name: str, *, on_reconnect: Callable[[], Awaitable[None]] | None = None
) -> Client:
    """Return a connection that never stops trying to come back.

    Raises `StoreAwayError` when NATS cannot be reached within `START_WAIT_S`.
    """
    connected: list[Client] = []
    repeats = Repeats()  # nats-py tries several times a second

    async def lost() -> None:
        if connected and connected[0].is_closed:
            return  # we closed it ourselves
        NATS_DISCONNECTS.inc()
        _log.warning("connection to NATS lost", connection=name)
        if connected:
            _give_up_waiting(connected[0])

    async def back() -> None:
        repeats.forget()
        _log.info("connection to NATS is back", connection=name)
        if connected:
            _end_when_silent(connected[0])
        if on_reconnect is not None:
            await on_reconnect()

    async def failed(error: Exception) -> None:
        if repeats.worth_saying(type(error).__name__, time.monotonic()):
            _log.warning("NATS", connection=name, error=f"{type(error).__name__}: {error}")

    options: dict[str, Any] = {
        "servers": settings.nats_url.split(","),
        "name": name,
        "connect_timeout": CONNECT_TIMEOUT_S,
        "allow_reconnect": True,
        "max_reconnect_attempts": -1,
        "reconnect_time_wait": random.uniform(*RECONNECT_WAIT_S),  # noqa: S311  jitter, not a secret
        "ping_interval": PING_INTERVAL_S,
        "max_outstanding_pings": MAX_OUTSTANDING_PINGS,
        "pending_size": PENDING_OUT_BYTES,
        "skip_subject_validation": True,  # ours are made of numbers and checked video ids, and there are many
        "disconnected_cb": lost,
        "reconnected_cb": back,
        "error_cb": failed,
    }
    if settings.nats_ca_file is not None:
        try:
            options["tls"] = ssl.create_default_context(cafile=settings.nats_ca_file)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(f"LIVECOMMENTS_NATS_CA_FILE={settings.nats_ca_file}: {error}") from None
        options["servers"] = [server.replace("nats://", "tls://", 1) for server in options["servers"]]
    password = settings.secret("nats_password_file")
    if password is not None:
        # An inbox under the user's own name: it may hear no other one's (nats/users.conf).
        inbox = f"_INBOX.{settings.nats_user}"
        options |= {"user": settings.nats_user, "password": password, "inbox_prefix": inbox}
    try:
        connected.append(await asyncio.wait_for(nats.connect(**options), START_WAIT_S))
        _end_when_silent(connected[0])
        return connected[0]
    except TimeoutError:
        raise StoreAwayError(f"no NATS server at {settings.nats_url} (LIVECOMMENTS_NATS_URL)") from None


def _end_when_silent(connection: Client) -> None:
    """Let the kernel end a connection on which what was sent is not acknowledged.

    nats-py notices by its pings that a server is silent, and then waits until all that it has written is sent, before
    it connects anew: with more than the kernel takes in that would be when the kernel gives up, a quarter of an hour.
    """
    writer = getattr(connection._transport, "_io_writer", None)  # noqa: SLF001  it gives its socket away nowhere else
    if writer is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
        raw = writer.get_extra_info("socket")
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)


# What else waits for answers on a connection, to be told when it is lost.
_waiting: WeakKeyDictionary[Client, list[Callable[[], None]]] = WeakKeyDictionary()


def _give_up_waiting(connection: Client) -> None:
    """End the wait for answers that were to come on a connection that is lost: they never will."""
    for reply in list(connection._resp_map.values()):  # noqa: SLF001  nats-py itself lets each wait for its whole time
        if not reply.done():
            reply.set_exception(nats.errors.StaleConnectionError())
    for give_up in _waiting.get(connection, ()):
        give_up()


def when_lost(connection: Client, give_up: Callable[[], None]) -> None:
    """Have something called whenever a connection is lost: what it waits for will never come."""
    _waiting.setdefault(connection, []).append(give_up)


def times_reconnected(connection: Client) -> int:
    """Return how often a connection was made anew: what is the same as before was said on the same one."""
    return connection.stats["reconnects"]


async def close(connection: Client) -> None:
    """Close a connection, whatever state it is in."""
    with contextlib.suppress(Exception):
        await asyncio.wait_for(connection.flush(1), 1.5)
    with contextlib.suppress(Exception):
        await asyncio.wait_for(connection.close(), CONNECT_TIMEOUT_S)
