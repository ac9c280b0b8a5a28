"""Which videos this writer stores so much of that their sample may be its to publish."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from nats.aio.client import Client

from runtime.cancelling import end_if_cancelled
from runtime.logs import get_logger
from wire.sample import HOT
from writer.sample_publisher import SamplePublisher

LOOK_EVERY_S: Final = 1.0
# A writer that stores this share of what makes a video hot looks at the whole of it: the gateway spreads a video that
# is too much for one writer over the others.
SHARE: Final = 0.2
MAX_VIDEOS: Final = 100  # whose sample one writer publishes, or would if another one stopped

_log = get_logger("writer")


class HotVideos:
    """Counts what is stored of each video, second by second."""

    def __init__(self, connection: Client, readable_rate: float) -> None:
        self._connection = connection
        self._readable_rate = readable_rate  # 0: everything is shown, and there are no samples
        self._counts: dict[tuple[int, str], int] = {}
        self._publishing: dict[tuple[int, str], asyncio.Task[None]] = {}

    def note(self, shard: int, video: str) -> None:
        """Count a comment that was stored."""
        self._counts[shard, video] = self._counts.get((shard, video), 0) + 1

    async def run(self) -> None:
        """Begin to publish samples where they may be needed, for ever."""
        enough = self._readable_rate * HOT * SHARE * LOOK_EVERY_S
        try:
            while True:
                end_if_cancelled()
                await asyncio.sleep(LOOK_EVERY_S)
                counts, self._counts = self._counts, {}
                for place, count in counts.items():
                    if 0 < enough <= count and place not in self._publishing and len(self._publishing) < MAX_VIDEOS:
                        self._publishing[place] = asyncio.create_task(self._publish(*place))
        finally:
            for task in list(self._publishing.values()):
                task.cancel()

    async def _publish(self, shard: int, video: str) -> None:
        """Publish a sample until the video has cooled down; if it has not, it is found again."""
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await SamplePublisher(self._connection, shard, video, self._readable_rate).run()
        except Exception:  # noqa: BLE001  edges take in everything instead
            _log.exception("the sample of a hot video could not be published", video=video)
        finally:
            self._publishing.pop((shard, video), None)
