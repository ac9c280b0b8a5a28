"""How full the streams of moderation are, whose bytes nobody trims: full, they take no ban and no revocation."""

from __future__ import annotations

import asyncio
from typing import Final

from nats.aio.client import Client

from runtime import jetstream
from runtime.cancelling import end_if_cancelled
from runtime.jetstream import StoreAwayError
from runtime.logs import get_logger
from wire import subjects
from writer.archiving.archiver_metrics import FILLED

WATCH_INTERVAL_S: Final = 10.0
STREAMS: Final = (subjects.VIDEO_STATES_STREAM, subjects.REVOCATIONS_STREAM)
FULL_SHARE: Final = 0.8  # beyond this it is logged
LOG_EVERY: Final = 60  # looks

_log = get_logger("archiver")


class FillWatch:
    """Looks now and then. Every archiver does: it costs next to nothing."""

    def __init__(self, connection: Client) -> None:
        self._connection = connection
        self._looks = dict.fromkeys(STREAMS, 0)  # since a stream was found too full

    async def run(self) -> None:
        """Watch, until cancelled."""
        while True:
            end_if_cancelled()
            for stream in STREAMS:
                try:
                    await self._look_at(stream)
                except StoreAwayError:
                    break
            await asyncio.sleep(WATCH_INTERVAL_S)

    async def _look_at(self, stream: str) -> None:
        answer = await jetstream.api(self._connection, f"STREAM.INFO.{stream}")
        if "error" in answer:
            return
        share = answer["state"]["bytes"] / answer["config"]["max_bytes"]
        FILLED.labels(stream).set(share)
        if share <= FULL_SHARE:
            self._looks[stream] = 0
            return
        if self._looks[stream] % LOG_EVERY == 0:
            _log.warning("a stream of moderation fills up", stream=stream, share=round(share, 3))
        self._looks[stream] += 1
