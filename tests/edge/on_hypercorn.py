"""The edge on Hypercorn, which hands no connection over."""

from __future__ import annotations

import asyncio
import signal

from hypercorn.asyncio import serve
from hypercorn.config import Config

from edge.app import make_service
from runtime.logs import set_up_logs
from runtime.service import _add_health
from runtime.settings import Settings


def run(settings: Settings) -> None:
    set_up_logs(settings)
    asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    service = make_service(settings)
    stopping = asyncio.Event()
    _add_health(service, stopping)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    config = Config()
    config.bind = [settings.listen]
    config.accesslog = None
    config.graceful_timeout = 2
    await service.start()

    async def stopped() -> None:
        await stopping.wait()
        await service.drain()

    await serve(service.app, config, shutdown_trigger=stopped)
    await service.stop()
