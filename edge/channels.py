"""Which videos have a channel here: opened with the first viewer, let go some seconds after the last."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial

from nats.aio.client import Client

from edge.channel import Channel
from edge.feed import Feed
from edge.metrics import VIDEOS
from edge.moderation import Moderation
from edge.pacer import Pacer
from edge.pieces import Pieces
from edge.replays import Replays
from edge.ring_memory import RingMemory
from edge.shortage import Shortage
from runtime.settings import Settings
from runtime.tracing import Tracer
from wire.sampling import Sampler
from wire.video import shard_of


@dataclass(slots=True)
class OpenVideo:
    """A video with a channel here."""

    channel: Channel
    feed: Feed
    pieces: Pieces = field(default_factory=Pieces)  # of replays, shared by those who come back
    claims: int = 0  # viewers, and those on the way to becoming one
    told_viewers: int = 0  # what its viewers were told last of how many they are, and when
    told_at: float = 0.0
    letting_go: asyncio.TimerHandle | None = None


class Channels:
    """The videos of this edge."""

    def __init__(
        self,
        connection: Client,
        replays: Replays,
        settings: Settings,
        shortage: Shortage,
        moderation: Moderation,
        tracer: Tracer | None = None,
    ) -> None:
        self.open: dict[str, OpenVideo] = {}
        self._idle: dict[str, OpenVideo] = {}  # those without a claim, the one that has been so for longest first
        self._connection = connection
        self._replays = replays
        self._shortage = shortage
        self._moderation = moderation
        self._shards = settings.shards
        self._limit = settings.videos_per_edge
        self._linger_s = settings.linger_s  # without viewers: one who reloads the page finds the ring
        self._readable_rate = settings.readable_rate
        self._pacer = Pacer()
        self._memory = RingMemory()
        self._shared_memory = RingMemory(settings.replay_shared_bytes)
        self._tracer = tracer
        self._loop = asyncio.get_running_loop()
        self._closing: set[asyncio.Task[None]] = set()

    def claim(self, video: str) -> OpenVideo | None:
        """Return a video, opened if need be; None when this edge has as many as it may. Every claim is released."""
        held = self.open.get(video)
        if held is None:
            if self._limit and len(self.open) >= self._limit and not self._make_room():
                return None
            channel = Channel(shard_of(video, self._shards), video, self._pacer, self._memory)
            found_short = partial(self._shortage.found, channel.shard)
            feed = Feed(
                channel,
                self._connection,
                self._replays,
                self.sampler(),
                found_short,
                moderation=self._moderation,
                tracer=self._tracer,
            )
            held = self.open[video] = OpenVideo(channel, feed, Pieces(self._shared_memory))
            VIDEOS.set(len(self.open))
        held.claims += 1
        if held.letting_go is not None:
            held.letting_go.cancel()
            held.letting_go = None
            del self._idle[video]
        return held

    def sampler(self) -> Sampler | None:
        """Return what chooses the comments of one video that are shown; None when all are."""
        return Sampler(self._readable_rate) if self._readable_rate else None

    def release(self, held: OpenVideo) -> None:
        """Give a claim back. After the last one the video is let go, unless somebody comes soon."""
        held.claims -= 1
        if held.claims == 0:
            held.letting_go = self._loop.call_later(self._linger_s, self._let_go, held)
            self._idle[held.channel.video] = held

    def _make_room(self) -> bool:
        """Let go of a video without viewers before its time; False if there is none.

        Where there is none, whoever comes asks anew: it must not take longer for all the videos that there are.
        """
        idle = next(iter(self._idle.values()), None)
        if idle is None:
            return False
        if idle.letting_go is not None:
            idle.letting_go.cancel()
        self._let_go(idle)
        return True

    def _let_go(self, held: OpenVideo) -> None:
        del self.open[held.channel.video], self._idle[held.channel.video]
        held.pieces.clear()
        VIDEOS.set(len(self.open))
        task = self._loop.create_task(_close(held))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _close(held: OpenVideo) -> None:
    try:
        await held.feed.close()
    finally:
        held.channel.ring.clear()  # now that nothing more comes in
