"""The sample of one hot video, published: for edges that shall take in no more than they can show.

The comments to be shown are chosen from JetStream's own copies, as every edge chooses them, so it makes no difference
who publishes, nor whether two do so for a moment: an edge drops what it has by its number. A publisher that lacks a
copy, or has not yet heard what its choice depends on, is silent; edges then take in everything for that long.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
from typing import Final

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from runtime.cancelling import end_if_cancelled
from runtime.jetstream import Stored, stored_message
from runtime.logs import get_logger
from wire import headers, subjects
from wire.sample import HOT, SILENCE_S, Bundle, Chosen, author_mark, decode_bundle
from wire.sampling import BUCKET_MS, BUCKETS, Sampler
from writer.metrics import BUNDLES

EVERY_S: Final = 0.05  # a bundle goes out
AT_LEAST_EVERY_S: Final = 0.2  # … even an empty one, as a sign of life
MAX_LEFT_OUT: Final = 4_000  # in one bundle, at 20 bytes each …
MAX_CHOSEN: Final = 200  # … and at most 3 KB each: below what NATS takes in one message
PENDING_COPIES: Final = 65_536  # in nats-py; what is lost there is noticed as a gap
PENDING_BYTES: Final = 64 * 1024 * 1024
TAKE_OVER_S: Final = (SILENCE_S, SILENCE_S + 0.5)  # of silence, after which another writer publishes: each another time
COOL_S: Final = 5.0  # below half of what makes a video hot: its sample ends

_PUBLISHER: Final = secrets.token_hex(8)  # this process

_log = get_logger("writer")


class SamplePublisher:
    """Publishes a video's sample for as long as it is hot and no writer with a smaller name does so."""

    def __init__(self, connection: Client, shard: int, video: str, readable_rate: float) -> None:
        self._connection = connection
        self._shard = shard
        self._video = video
        self._readable_rate = readable_rate
        self._loop = asyncio.get_running_loop()
        self._others_at = self._loop.time()  # when another one's bundle was heard last
        self._take_over_s = random.uniform(*TAKE_OVER_S)  # noqa: S311  spreads them, no secret
        self._others: Subscription | None = None
        self._live: Subscription | None = None
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._sampler = Sampler(self._readable_rate)
        self._newest = 0  # number heard
        self._first_bucket = 0  # when it was heard first: of that quarter of a second it may lack the beginning
        self._after = -1  # number up to which bundles went; -1 before the first one
        self._chosen: list[Chosen] = []
        self._left_out: list[tuple[int, int]] = []
        self._said_at = 0.0
        self._heard_at = self._hot_at = self._loop.time()

    async def run(self) -> None:
        """Publish as long as there is something to; returns when the video has cooled down."""
        self._others = await self._connection.subscribe(
            subjects.sample(self._shard, self._video), cb=self._heard_bundle
        )
        try:
            while True:
                end_if_cancelled()
                await asyncio.sleep(EVERY_S)
                now = self._loop.time()
                silent_s = now - self._others_at
                if self._live is None:
                    if silent_s > self._take_over_s:
                        await self._follow()
                elif silent_s <= SILENCE_S:
                    await self._unfollow()
                elif self._has_cooled(now):
                    await self._say(ends=True)
                    return
                elif self._chosen or self._left_out or now - self._said_at >= AT_LEAST_EVERY_S:
                    await self._say()
        finally:
            await self._unfollow()
            with contextlib.suppress(nats.errors.Error, OSError):
                await self._others.unsubscribe()

    async def _follow(self) -> None:
        self._begin_anew()
        self._live = await self._connection.subscribe(
            subjects.live(self._shard, self._video),
            cb=self._heard,
            pending_msgs_limit=PENDING_COPIES,
            pending_bytes_limit=PENDING_BYTES,
        )

    async def _unfollow(self) -> None:
        live, self._live = self._live, None
        self._after = -1
        if live is not None:
            with contextlib.suppress(nats.errors.Error, OSError):
                await live.unsubscribe()

    def _has_cooled(self, now: float) -> bool:
        if now - self._heard_at < 1 and self._sampler.rate >= HOT * self._readable_rate / 2:
            self._hot_at = now
        return now - self._hot_at > COOL_S

    async def _heard_bundle(self, message: Msg) -> None:
        """Another writer publishes, so this one does not; where both do, the one with the smaller name goes on."""
        with contextlib.suppress(ValueError):
            bundle = decode_bundle(message.data)
            if bundle.publisher != _PUBLISHER and (self._after < 0 or bundle.publisher < _PUBLISHER):
                self._others_at = self._loop.time()

    async def _heard(self, message: Msg) -> None:
        try:
            stored = stored_message(message)
            previous = int((message.headers or {}).get(headers.LAST_SEQUENCE, "0"))
        except (KeyError, ValueError):
            return
        if stored.number <= self._newest:
            return
        if self._newest and (previous > self._newest or previous == 0):
            _log.warning("the sample of a hot video pauses: a copy was lost", video=self._video)
            self._begin_anew()
        self._take(stored)
        if len(self._chosen) >= MAX_CHOSEN or len(self._left_out) >= MAX_LEFT_OUT:
            await self._say()

    def _take(self, stored: Stored) -> None:
        self._heard_at = self._loop.time()
        bucket = stored.posted_ms // BUCKET_MS
        self._first_bucket = self._first_bucket or bucket
        # From here on the sampler has counted all that its choice depends on.
        if self._after < 0 and self._newest and bucket - BUCKETS > self._first_bucket and self._is_hot:
            self._after = self._newest
        author = self._sampler.hidden_author(stored.number, stored.kind, stored.posted_ms, stored.payload)
        self._newest = stored.number
        if self._after < 0:
            return
        if author is None:
            self._chosen.append(Chosen(stored.number, stored.kind, stored.posted_ms, stored.payload))
        else:
            self._left_out.append((stored.number, author_mark(author)))

    @property
    def _is_hot(self) -> bool:
        return self._sampler.rate >= HOT * self._readable_rate

    async def _say(self, *, ends: bool = False) -> None:
        if self._after < 0:
            return
        bundle = Bundle(
            _PUBLISHER,
            self._readable_rate,
            self._after,
            self._newest,
            self._chosen,
            self._left_out,
            self._sampler.counted,
            ends,
        )
        self._after, self._chosen, self._left_out = self._newest, [], []
        self._said_at = self._loop.time()
        BUNDLES.inc()
        # What does not go out leaves a gap in the chain, which edges fill.
        with contextlib.suppress(nats.errors.Error, OSError):
            await self._connection.publish(subjects.sample(self._shard, self._video), bundle.encode())
