"""A part of the cluster as a process: a Quart app on uvicorn and uvloop, with problems, health, metrics and an end.

Every part has `/healthz` (the process runs), `/readyz` (it can do its work) and `/metrics` on its own port.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Protocol

import uvicorn
import uvloop
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from quart import Quart, Response, request
from werkzeug.exceptions import HTTPException

from runtime.browsers import BrowserRules, WithBrowserRules
from runtime.direct_port import direct_config
from runtime.exchange import BODY_TIMEOUT_S, SECURITY_FIELDS, count_answer, problem_answer
from runtime.hot_route import to_response
from runtime.http import HttpConfig, HttpProtocol
from runtime.logs import get_logger, set_up_logs
from runtime.metrics import LOOP_LAG, PART, TASKS
from runtime.settings import Settings, SettingsError
from wire.message import MAX_BODY_BYTES
from wire.problem import Refused

BACKLOG: Final = 4096  # connections that may wait to be accepted
# libuv accepts one connection of a listener in each turn of the event loop (its #3696). Whoever comes behind a crowd
# waits for as many turns as it has heads; the gateway's health checks do too, and it takes the part for dead, with all
# that are connected. So each listener is there several times; with more of them live comments wait for the crowd
# (docs/benchmarks.md).
ACCEPTED_PER_TURN: Final = 4
STOP_GRACE_S: Final = 5  # for requests under way when the part stops
LAG_INTERVAL_S: Final = 0.5

_HTTP_PROBLEMS: Final = {404: "not_found", 405: "method_not_allowed", 408: "too_slow", 413: "body_too_large"}


class Service(Protocol):
    """A part: what it serves, how it starts and stops, and whether it can do its work."""

    name: str
    app: Quart

    async def start(self) -> None:
        """Connect and begin; the port is not open yet."""

    async def drain(self) -> None:
        """End what is open, while the port still is."""

    async def stop(self) -> None:
        """Close connections; the port is closed."""

    def not_ready(self) -> str | None:
        """Return why the part cannot do its work, None when it can."""


def problem_response(problem: Refused) -> Response:
    """Return the answer that tells a client of a problem."""
    response = to_response(problem_answer(problem.code, problem.retry_after_s))
    response.headers["Livecomments-Problem"] = problem.code
    return response


def make_app(name: str) -> Quart:
    """Return an app in which every refusal and every failure becomes a problem document."""
    app = Quart(name, static_folder=None)
    # A second slash would be answered by a redirect to whichever host the request names: an address of our own that
    # leads to anybody's, for caches and links.
    app.url_map.merge_slashes = False
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.config["BODY_TIMEOUT"] = BODY_TIMEOUT_S
    log = get_logger(name)

    @app.errorhandler(Refused)
    async def refused(problem: Refused) -> Response:
        return problem_response(problem)

    @app.errorhandler(HTTPException)
    async def http_error(error: HTTPException) -> Response:
        code = _HTTP_PROBLEMS.get(error.code or 500, "bad_request" if (error.code or 500) < 500 else "internal")
        response = problem_response(Refused(code))
        if error.code == 405:
            response.headers["Allow"] = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
        return response

    @app.errorhandler(Exception)
    async def failure(error: Exception) -> Response:
        log.error("request failed", route=str(request.url_rule), exc_info=error)
        return problem_response(Refused("internal"))

    @app.after_request
    async def finish(response: Response) -> Response:
        code = response.headers.pop("Livecomments-Problem", "")
        count_answer(request.url_rule.rule if request.url_rule else "none", response.status_code, code)
        for field, value in SECURITY_FIELDS:
            response.headers.setdefault(field.decode().title(), value.decode())
        return response

    return app


def run(
    make_service: Callable[[Settings], Service], settings: Settings, http: type[HttpProtocol] = HttpProtocol
) -> None:
    """Run a part until SIGTERM or SIGINT. `http` is the uvicorn protocol that serves it.

    Raises `SettingsError` when the part cannot start, with one line that says why.
    """
    set_up_logs(settings)
    service = make_service(settings)
    addresses = [settings.listen_address]
    if service.name == "edge" and settings.direct_address is not None:
        addresses.append(settings.direct_address)
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(contextlib.closing(_listen(*address))) for address in addresses]
        for listener, option in itertools.product(listeners, http.socket_options):
            listener.setsockopt(*option)
        uvloop.run(_serve(service, settings, listeners, http))


async def _serve(
    service: Service, settings: Settings, listeners: Sequence[socket.socket], http: type[HttpProtocol]
) -> None:
    """Serve on the first listener, and on a second one, where there is one, those who come directly."""
    PART.info({"part": service.name})
    log = get_logger(service.name)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    _add_health(service, stopping)
    app = WithBrowserRules(service.app, BrowserRules(settings))
    options: dict[str, Any] = {
        "http": http,
        "ws": "none",
        "loop": "none",
        "lifespan": "off",
        "interface": "asgi3",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "date_header": False,
        "backlog": BACKLOG,
        "timeout_keep_alive": 75,
        "timeout_graceful_shutdown": STOP_GRACE_S,
        "proxy_headers": True,
        "forwarded_allow_ips": settings.trusted_proxies,
    }
    configs = [HttpConfig(app, settings, **options)]
    if len(listeners) > 1:
        configs.append(direct_config(app, settings, **options))
    servers = [_Server(config) for config in configs]
    lag = asyncio.create_task(_measure_lag())
    TASKS.set_function(lambda: len(asyncio.all_tasks(loop)))
    stopped = asyncio.create_task(stopping.wait())
    starting = asyncio.create_task(service.start())
    await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        # Told to stop while it waits for something that is not there yet: nobody has been served.
        starting.cancel()
        await asyncio.wait({starting}, timeout=STOP_GRACE_S)
        return
    starting.result()
    serving = [
        asyncio.create_task(server.serve(sockets=several_times(listener)))
        for server, listener in zip(servers, listeners, strict=True)
    ]
    for listener in listeners:
        host, port = listener.getsockname()[:2]
        log.info("serving", address=f"{host}:{port}")
    await asyncio.wait({*serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
    log.info("stopping")
    await service.drain()
    for server in servers:
        server.should_exit = True
    await asyncio.gather(*serving)
    await service.stop()
    lag.cancel()


class _Server(uvicorn.Server):
    """uvicorn, without its own signal handlers: a part ends its streams first, and then the server."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _add_health(service: Service, stopping: asyncio.Event) -> None:
    @service.app.get("/healthz")
    async def healthz() -> Response:
        return Response("ok\n", content_type="text/plain")

    @service.app.get("/readyz")
    async def readyz() -> Response:
        reason = "stopping" if stopping.is_set() else service.not_ready()
        if reason is None:
            return Response("ok\n", content_type="text/plain")
        # The gateway tells a part that ends its streams in order, and is to keep them meanwhile, from one that is lost.
        leaves = stopping.is_set() and request.args.get("stopping") == "404"
        return Response(f"{reason}\n", 404 if leaves else 503, content_type="text/plain")

    @service.app.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)


async def _measure_lag() -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + LAG_INTERVAL_S
        await asyncio.sleep(LAG_INTERVAL_S)
        LOOP_LAG.observe(max(0.0, loop.time() - due))


def several_times(listener: socket.socket) -> list[socket.socket]:
    """Return a listener as often as connections are accepted in one turn of the event loop; each is to be closed."""
    return [listener, *(listener.dup() for _ in range(1, ACCEPTED_PER_TURN))]


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        reason = "the port is taken" if error.errno == errno.EADDRINUSE else error.strerror
        raise SettingsError(f"cannot listen on {host}:{port}: {reason}; set another LIVECOMMENTS_LISTEN") from None
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener
