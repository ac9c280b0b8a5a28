"""A hot video of which this edge takes in the sample alone, so that it takes in no more than it can show.

While a video is hot, the edge listens for bundles of its sample (see `wire/sample.py`). Once they come, and continue
what it has, it lets go of the live copies. What a viewer sees although it is not in the sample, because it is its own
or by somebody whom it follows, is fetched by number. When no bundle comes any more, or so much would have to be fetched
that taking in everything is cheaper, it subscribes to the live copies again and fetches what came in between.

One chain of numbers runs through both: what is at or below the feed's newest is known, what begins above it leaves a
gap.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Final, Protocol

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from edge.channel import Channel
from edge.copies import Copies
from edge.messages import Message
from edge.metrics import BUNDLES, SAMPLED_VIDEOS, UNREADABLE
from edge.replays import Replays
from runtime.cancelling import end_if_cancelled
from runtime.jetstream import StoreError
from runtime.logs import get_logger
from wire import subjects
from wire.sample import SILENCE_S, Bundle, decode_bundle
from wire.sampling import Sampler

LOOK_EVERY_S: Final = 0.25
COOL_S: Final = 10.0  # not hot for so long: the edge listens for no bundles any more
FAILED_REST_S: Final = 10.0  # after something that was not foreseen; meanwhile everything is taken in
# Fetching a comment costs an edge about three times what a live copy does: where more than this share of a video would
# have to be fetched, it takes in everything, and the sample again where it is less than half of that.
MAX_FETCHED_SHARE: Final = 0.25
SMOOTHING: Final = 0.1  # of that share, a bundle
PROMISING_BUNDLES: Final = 10  # before live copies are let go
FETCHED_AT_ONCE: Final = 64
PENDING_BUNDLES: Final = 1_024  # in nats-py; what is lost there is noticed as a gap
PENDING_BYTES: Final = 16 * 1024 * 1024

_log = get_logger("edge")


class BundleTaker(Protocol):
    """What a sampled intake needs of the feed of its video (`feed.py`)."""

    newest: int
    channel: Channel

    @property
    def is_open(self) -> bool:
        """Whether the channel has everything up to `newest`."""

    def reach(self, number: int) -> None:
        """Fetch everything up to a number."""

    def take_bundle(self, bundle: Bundle, fetched: Mapping[int, Message]) -> None:
        """Pass a bundle on."""

    async def take_in_everything(self) -> None:
        """Take in live copies again, and what came meanwhile, however often that has to be tried."""


class SampledIntake:
    """Decides for one video whether it takes in everything or the sample, and takes in the latter."""

    def __init__(
        self, feed: BundleTaker, copies: Copies, connection: Client, replays: Replays, sampler: Sampler
    ) -> None:
        self.is_alone = False  # whether the sample is all that is taken in
        self._feed = feed
        self._copies = copies
        self._channel = feed.channel
        self._connection = connection
        self._replays = replays
        self._sampler = sampler
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None
        self._hot_at = 0.0
        self._rests_until = 0.0
        self._heard_at = 0.0
        self._ended = False
        self._promising = 0  # bundles in a row
        self._share = 0.0  # of comments that are, or would be, fetched

    def hot(self) -> None:
        """Take note that the video is hot; called for every message while it is."""
        self._hot_at = self._loop.time()
        if self._task is None and self._hot_at >= self._rests_until:
            self._task = self._loop.create_task(self._run())

    async def close(self) -> None:
        """End it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        channel = self._channel
        subscription: Subscription | None = None
        try:
            channel.care()
            subscription = await self._connection.subscribe(
                subjects.sample(channel.shard, channel.video),
                cb=self._heard,
                pending_msgs_limit=PENDING_BUNDLES,
                pending_bytes_limit=PENDING_BYTES,
            )
            while self.is_alone or self._loop.time() - self._hot_at < COOL_S:
                end_if_cancelled()
                await asyncio.sleep(LOOK_EVERY_S)
                if self.is_alone:
                    await self._go_live_if_need_be()
                elif self._promising >= PROMISING_BUNDLES:
                    await self._go_alone()
        except Exception as error:  # noqa: BLE001  whatever it is, everything is taken in then
            _log.warning("no sample of a hot video", video=channel.video, reason=f"{type(error).__name__}: {error}")
            self._rests_until = self._loop.time() + FAILED_REST_S
            await self._feed.take_in_everything()
        finally:
            if self.is_alone:
                self.is_alone = False
                SAMPLED_VIDEOS.dec()
            channel.cared_for = None
            self._task = None
            if subscription is not None:
                with contextlib.suppress(nats.errors.Error, OSError):
                    await subscription.unsubscribe()

    async def _go_alone(self) -> None:
        self._promising, self._ended = 0, False
        self.is_alone = True
        SAMPLED_VIDEOS.inc()
        await self._copies.unsubscribe()

    async def _go_live_if_need_be(self) -> None:
        silent = self._loop.time() - self._heard_at > SILENCE_S
        if not (silent or self._ended or self._costs_too_much) or not self._connection.is_connected:
            return
        self._promising = 0
        # Subscribe first, then ask what was stored: what a bundle brings meanwhile is taken or known.
        try:
            await self._copies.subscribe()
            newest = await self._replays.newest(self._channel.shard, self._channel.video)
        except (StoreError, nats.errors.Error, OSError) as error:
            _log.warning("not back to live copies yet", video=self._channel.video, reason=f"{type(error).__name__}")
            await self._copies.unsubscribe()  # bundles may go on before this is tried again
            return
        self.is_alone = False
        SAMPLED_VIDEOS.dec()
        self._feed.reach(newest)

    @property
    def _costs_too_much(self) -> bool:
        cared_for = self._channel.cared_for
        return self._share > MAX_FETCHED_SHARE or cared_for is None or cared_for.are_too_many

    async def _heard(self, message: Msg) -> None:
        try:
            bundle = decode_bundle(message.data)
        except ValueError:
            UNREADABLE.inc()
            return
        cared_for = self._channel.cared_for
        if bundle.readable_rate != self._sampler.readable_rate or cared_for is None:
            return
        BUNDLES.inc()
        self._heard_at = self._loop.time()
        of = len(bundle.chosen) + len(bundle.left_out)
        if of:
            cared = sum(mark in cared_for for _, mark in bundle.left_out)
            self._share += SMOOTHING * (cared / of - self._share)
        if self.is_alone:
            await self._take(bundle)
            self._ended = self._ended or bundle.ends
        else:
            continues = self._feed.is_open and bundle.after <= self._feed.newest and not bundle.ends
            is_cheap = self._share < MAX_FETCHED_SHARE / 2 and not cared_for.are_too_many
            self._promising = self._promising + 1 if continues and is_cheap else 0

    async def _take(self, bundle: Bundle) -> None:
        fetched: dict[int, Message] = {}
        try:
            # Again and again: meanwhile somebody may have come who cares for others.
            while wanted := [number for number in self._wanted(bundle) if number not in fetched]:
                some = wanted[:FETCHED_AT_ONCE]
                channel = self._channel
                asked = (self._replays.one(channel.shard, channel.video, number) for number in some)
                fetched |= zip(some, await asyncio.gather(*asked), strict=True)
        except StoreError as error:
            _log.warning("comments cannot be fetched singly", video=self._channel.video, reason=str(error))
            self._feed.reach(bundle.upto)
            return
        self._feed.take_bundle(bundle, fetched)

    def _wanted(self, bundle: Bundle) -> list[int]:
        """Return what was left out of a bundle, is not here yet, and somebody here sees all the same."""
        cared_for, newest = self._channel.cared_for, self._feed.newest
        if cared_for is None:
            return []
        return [number for number, mark in bundle.left_out if mark in cared_for and number > newest]
