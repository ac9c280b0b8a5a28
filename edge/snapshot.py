"""The newest comments as one document, with the state of the video, for those who poll."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import orjson

from edge.archive import HistoryAwayError
from edge.channels import Channels, OpenVideo
from edge.moderation import Moderation
from edge.replays import Replays
from runtime.jetstream import StoreError
from runtime.logs import get_logger
from wire.comment import decode_payload, is_comment
from wire.problem import Refused
from wire.video import shard_of

COMMENTS: Final = 100
FRESH_S: Final = 1.0  # how long a snapshot's bytes are kept, and may be by shared caches
MAX_KEPT: Final = 1_000
MAX_ATTEMPTS: Final = 5  # to make one, while moderators remove what is in it
MAX_MAKING: Final = 64  # at the same time, of different videos
# Not every message is a comment that is still there: where too few of the newest are, more are looked at.
WIDEN: Final = 4
MAX_LOOKED_AT: Final = 1_600

Items = list[dict[str, Any]]  # comments as they stand in a page

_log = get_logger("edge")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot's bytes, and what tells it from another one."""

    body: bytes
    etag: str
    made_at: float


class Snapshots:
    """Makes a video's snapshot at most once a second, however many ask."""

    def __init__(
        self,
        channels: Channels,
        replays: Replays,
        moderation: Moderation,
        shards: int,
        count_viewers: Callable[[str], int],
    ) -> None:
        self._channels = channels
        self._count_viewers = count_viewers
        self._replays = replays
        self._moderation = moderation
        self._shards = shards
        self._loop = asyncio.get_running_loop()
        self._kept: OrderedDict[str, Snapshot] = OrderedDict()
        self._making: dict[str, asyncio.Task[Snapshot]] = {}

    async def get(self, video: str) -> Snapshot:
        """Return a snapshot that is at most a second old. Raises `Refused` (`unavailable`)."""
        kept = self._kept.get(video)
        if kept is not None and self._loop.time() - kept.made_at < FRESH_S:
            return kept
        making = self._making.get(video)
        if making is None:
            if len(self._making) >= MAX_MAKING:
                raise Refused("unavailable")
            making = self._making[video] = self._loop.create_task(self._make(video))
            making.add_done_callback(lambda _: self._making.pop(video, None))
        return await asyncio.shield(making)

    def forget(self, video: str) -> None:
        """Keep no snapshot of a video that was made before now: moderators have removed something."""
        self._kept.pop(video, None)

    async def _make(self, video: str) -> Snapshot:
        # Whoever polls keeps the video open, as a viewer does: its comments gather in the ring, and its viewers on
        # other edges are counted. Where there are as many videos as there may be, snapshots are read from the store.
        claimed = self._channels.claim(video)
        states = self._moderation.states
        try:
            for _ in range(MAX_ATTEMPTS):
                with contextlib.suppress(StoreError):  # memory may have it all the same
                    await states.of(video)
                state = states.last_known(video)
                items, newest = _from_ring(claimed) or await self._from_store(video)
                if states.last_known(video) is state:
                    break
            else:
                raise Refused("unavailable")
        except (StoreError, HistoryAwayError) as error:
            _log.warning("no snapshot", video=video, reason=f"{type(error).__name__}: {error}")
            raise Refused("unavailable") from None
        finally:
            if claimed is not None:
                self._channels.release(claimed)
        viewers = self._count_viewers(video)
        told = {"comments": items, "newest": str(newest) if newest else None, "viewers": viewers, "state": state.told()}
        body = orjson.dumps(told)
        snapshot = Snapshot(body, f'"{newest}-{len(items)}-{viewers}-{state.number}"', self._loop.time())
        self._kept[video] = snapshot
        self._kept.move_to_end(video)
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        return snapshot

    async def _from_store(self, video: str) -> tuple[Items, int]:
        """Return the newest comments, and the number up to which there are no others."""
        look_at = COMMENTS
        while True:
            latest = await self._replays.latest(shard_of(video, self._shards), video, look_at)
            items: Items = []
            for message in latest.messages:
                with contextlib.suppress(ValueError):  # not the payload of a comment: there is nothing to show of it
                    if message.kind is None and not self._moderation.hides(video, message):
                        items.append(decode_payload(message.number, message.posted_ms, message.payload).item())
            if len(items) >= COMMENTS or not latest.more or look_at >= MAX_LOOKED_AT:
                return items[-COMMENTS:], latest.newest
            look_at *= WIDEN


def _from_ring(opened: OpenVideo | None) -> tuple[Items, int] | None:
    """Return the newest comments out of memory, and the number up to which that is; None unless it holds enough."""
    if opened is None or not opened.feed.is_open:
        return None
    if not opened.channel.is_whole_after(opened.channel.ring.floor):
        return None  # it is a sample of them
    frames = opened.channel.ring.last(COMMENTS, is_comment)
    return ([_item(frame) for frame in frames], opened.feed.newest) if len(frames) == COMMENTS else None


def _item(frame: bytes) -> dict[str, Any]:
    """Return the comment of a frame as it stands in a page."""
    data = orjson.loads(frame[frame.index(b"data: ") + len(b"data: ") :])
    return {"id": data.pop("commentId"), **data}
