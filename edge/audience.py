"""How many watch a video, on all edges together.

Every `SAY_EVERY_S` an edge says, in one message a shard, how many viewers it has of each of the shard's videos; what
the others said last is added up as it comes in, so that asking how many there are costs the same however many edges and
shards there are. Nothing is sent when a viewer comes or goes.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from functools import partial
from typing import Final

import nats.errors
import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg

from edge.channels import Channels, OpenVideo
from edge.turns import VIDEOS_AT_ONCE, in_turns
from wire import sse, subjects

SAY_EVERY_S: Final = 10.0
FORGET_S: Final = 35.0  # an edge that has been silent for this long is gone, and its viewers have been told elsewhere
TELL_EVERY_S: Final = 2.0  # a video's viewers are told of a new number no more often than this
TELL_SMALL_EVERY_S: Final = 10.0  # … and of a change below `SMALL` no more often than this
SMALL: Final = 0.01
LARGE: Final = 100  # viewers on one edge, from which on others remember a video that they do not have themselves
MAX_VIDEOS_IN_MESSAGE: Final = 5_000  # at most 70 bytes each: well below what NATS takes in one message

_Said = dict[str, int]


class Audience:
    """Adds up the viewers of this edge and of the others."""

    def __init__(self, channels: Channels, connection: Client) -> None:
        self._channels = channels
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._edge = secrets.token_hex(8)
        # What other edges said last, and when: by edge, shard and part of the message.
        self._heard: dict[tuple[str, int, int], tuple[float, _Said]] = {}
        self._elsewhere: _Said = {}  # all of that together, by video
        self._parts_said: dict[int, int] = {}

    def count(self, video: OpenVideo) -> int:
        """Return how many watch a video that is open here."""
        return len(video.channel.viewers) + self._elsewhere.get(video.channel.video, 0)

    def count_of(self, name: str) -> int:
        """Return how many watch a video, open here or not."""
        video = self._channels.open.get(name)
        return self._elsewhere.get(name, 0) if video is None else self.count(video)

    async def start(self) -> None:
        """Listen to the other edges; once, and before `run`."""
        await self._connection.subscribe(subjects.audience("*"), cb=self._hear)

    async def run(self) -> None:
        """Tell the other edges and the viewers, for ever."""
        next_say = self._loop.time()
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            now = self._loop.time()
            self._forget(now)
            if now >= next_say:
                next_say = now + SAY_EVERY_S
                with contextlib.suppress(nats.errors.Error, OSError):
                    await self._say()
            await in_turns(self._channels.open.values(), partial(self._tell, now), VIDEOS_AT_ONCE)

    def event(self, video: OpenVideo) -> bytes:
        """Return the event that tells a viewer who has just joined."""
        count = self.count(video)
        if len(video.channel.viewers) == 1:  # nobody else here is to be told
            video.told_viewers, video.told_at = count, self._loop.time()
        return sse.named_event("viewers", {"count": count})

    def _tell(self, now: float, video: OpenVideo) -> bool:
        """Tell the viewers of a video how many they are, if that is due; return whether it was."""
        channel = video.channel
        if not channel.viewers:
            return False
        count = self.count(video)
        change = abs(count - video.told_viewers)
        if change == 0 or (change < SMALL * count and now - video.told_at < TELL_SMALL_EVERY_S):
            return False
        video.told_viewers, video.told_at = count, now
        channel.tell(sse.named_event("viewers", {"count": count}))
        return True

    async def _say(self) -> None:
        by_shard: dict[int, _Said] = {shard: {} for shard in self._parts_said}
        for video in self._channels.open.values():
            channel = video.channel
            if channel.viewers:
                by_shard.setdefault(channel.shard, {})[channel.video] = len(channel.viewers)
        for shard, said in by_shard.items():
            videos = list(said.items())
            parts = -(-len(videos) // MAX_VIDEOS_IN_MESSAGE)
            # A part that was said last time and has become empty is said once more, as empty.
            for part in range(max(parts, self._parts_said.get(shard, 0))):
                place = part * MAX_VIDEOS_IN_MESSAGE
                message = {
                    "edge": self._edge,
                    "part": part,
                    "viewers": dict(videos[place : place + MAX_VIDEOS_IN_MESSAGE]),
                }
                await self._connection.publish(subjects.audience(shard), orjson.dumps(message))
            self._parts_said[shard] = parts
        for shard in [shard for shard, parts in self._parts_said.items() if parts == 0]:
            del self._parts_said[shard]

    async def _hear(self, message: Msg) -> None:
        try:
            said = orjson.loads(message.data)
            edge, part = str(said["edge"]), int(said["part"])
            shard = int(message.subject.rsplit(".", 1)[1])
            # Of videos that are not open here only large ones are worth remembering: those are polled. The rest is said
            # again soon.
            kept = {
                video: count
                for video, count in said["viewers"].items()
                if count >= LARGE or (count > 0 and video in self._channels.open)
            }
        except (ValueError, KeyError, TypeError, AttributeError):
            return
        if edge != self._edge:
            self._replace((edge, shard, part), kept)

    def _replace(self, place: tuple[str, int, int], said: _Said) -> None:
        """Count what an edge says in one part of a message, and no more what it said there before."""
        _, before = self._heard.pop(place, (0.0, {}))
        for video, count in before.items():
            left = self._elsewhere[video] - count
            if left:
                self._elsewhere[video] = left
            else:
                del self._elsewhere[video]
        for video, count in said.items():
            self._elsewhere[video] = self._elsewhere.get(video, 0) + count
        if said:
            self._heard[place] = (self._loop.time(), said)

    def _forget(self, now: float) -> None:
        for place in [place for place, (heard_at, _) in self._heard.items() if now - heard_at > FORGET_S]:
            self._replace(place, {})
