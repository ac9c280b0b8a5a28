"""Did everything that was acknowledged come to this edge? Asked of the rings of the videos that have viewers here.

What a ring does not reach back to, because the video was opened later or there was too much, cannot be looked for; nor
what it was told to be left out of the sample, where that is all that is taken in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg

from edge.channels import OpenVideo
from edge.frames import is_told_missing
from runtime.audit_metrics import AUDITED, DIFFERING, EDGE, LOST, UNAUDITED
from runtime.logs import get_logger
from wire import subjects
from wire.audit import Acknowledged, add_up, decode_report, digest_of
from wire.comment import event_payload

GRACE_S: Final = 5.0  # a copy that was lost is found and fetched within it, or within one of the next
LOOKS: Final = 4  # … of so many
MAX_WAITING: Final = 1_000  # reports
LOGGED_NUMBERS: Final = 10

_log = get_logger("audit")


class EdgeAudit:
    """Compares reports of acknowledged comments with what this edge holds, a while after they come."""

    def __init__(
        self,
        connection: Client,
        videos: Mapping[str, OpenVideo],
        grace_s: float = GRACE_S,
        may_lack: Callable[[str, int], bool] = lambda _video, _number: False,
    ) -> None:
        """`may_lack` says of a video's number whether it may be missing, because it was removed before it came."""
        self._connection = connection
        self._videos = videos
        self._grace_s = grace_s
        self._may_lack = may_lack
        self._waiting = 0

    async def start(self) -> None:
        """Listen to the writers."""
        await self._connection.subscribe(subjects.audit("*"), cb=self._heard)

    async def _heard(self, message: Msg) -> None:
        try:
            report = decode_report(message.data)
        except ValueError:
            _log.warning("a report makes no sense", subject=message.subject)
            return
        # Only what was watched when the report came: a video opened later has its ring begin later.
        held = {video: (one, self._videos[video]) for video, one in report.items() if video in self._videos}
        if not held:
            return
        if self._waiting >= MAX_WAITING:
            UNAUDITED.labels(EDGE).inc(sum(len(one.numbers) for one, _ in held.values()))
            return
        self._waiting += 1
        asyncio.get_running_loop().call_later(self._grace_s, self._compare, held, LOOKS)

    def _compare(self, held: dict[str, tuple[Acknowledged, OpenVideo]], looks: int) -> None:
        if looks > 1 and any(_lacks(*one) for one in held.values()):
            asyncio.get_running_loop().call_later(self._grace_s, self._compare, held, looks - 1)
            return
        self._waiting -= 1
        for name, (acknowledged, video) in held.items():
            # Let go meanwhile, or a gap is being filled, which takes as long as JetStream is away.
            if self._videos.get(name) is not video or not video.feed.is_open or not self._connection.is_connected:
                UNAUDITED.labels(EDGE).inc(len(acknowledged.numbers))
            else:
                self._compare_one(name, acknowledged, video)

    def _compare_one(self, name: str, acknowledged: Acknowledged, video: OpenVideo) -> None:
        ring = video.channel.ring
        reached = [
            number
            for number in acknowledged.numbers
            if not video.channel.may_lack(number)
            and (ring.frame_of(number) is not None or not self._may_lack(name, number))
        ]
        # What stands in the place of comments that could not be had is none.
        held = ((number, ring.frame_of(number)) for number in reached)
        frames = {number: frame for number, frame in held if frame is not None and not is_told_missing(frame)}
        UNAUDITED.labels(EDGE).inc(len(acknowledged.numbers) - len(reached))
        AUDITED.labels(EDGE).inc(len(reached))
        missing = [number for number in reached if number not in frames]
        if missing:
            LOST.labels(EDGE).inc(len(missing))
            _log.error(
                "acknowledged comments did not come", video=name, count=len(missing), numbers=missing[:LOGGED_NUMBERS]
            )
        # A removed text cannot be compared any more.
        elif acknowledged.digest is not None and len(reached) == len(acknowledged.numbers) and all(frames.values()):
            said = add_up(digest_of(number, event_payload(frame)) for number, frame in frames.items())
            if said != acknowledged.digest:
                DIFFERING.labels(EDGE).inc(len(reached))
                _log.error("something else came than was acknowledged", video=name)


def _lacks(acknowledged: Acknowledged, video: OpenVideo) -> bool:
    """Return whether something may still be on its way."""
    ring = video.channel.ring
    return not video.feed.is_open or any(
        ring.frame_of(number) is None and not video.channel.may_lack(number) for number in acknowledged.numbers
    )
