"""The live copies of one video: subscribed, checked for gaps, and appended to its channel in order.

Subscribe first, then ask for the newest number, then replay: the other order loses what is stored in between
(dunglas/mercure#178).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Final

from nats.aio.client import Client

from edge.asked import Asked
from edge.channel import Channel
from edge.copies import Copies
from edge.intake import Verdict, given_again, judge
from edge.messages import Message
from edge.metrics import GAPS_FILLED, GAPS_FOUND, GAPS_LEFT
from edge.moderation import Moderation
from edge.preceding import count_newest
from edge.replays import Replays
from edge.sampled_intake import SampledIntake
from runtime.jetstream import Stored
from runtime.logs import get_logger
from runtime.metrics import PUBLISHED
from runtime.tracing import Tracer
from wire import headers, sse
from wire.comment import ordinary_author
from wire.comment import posted_ns as nanoseconds
from wire.sample import HOT, Bundle
from wire.sampling import Sampler
from wire.trace import TRACEPARENT

# Copies kept while a gap below them is filled; above that they are read again instead. Less than a ring holds.
MAX_WAITING: Final = 1_000
MAX_WAITING_BYTES: Final = 256 * 1024
FILL_BYTES: Final = 128 * 1024  # of a gap that are written to the viewers before more is fetched
RETRY_S: Final = 0.25
VOUCHED_S: Final = 1.0  # for so long after a video was asked for nothing newer is taken to have been stored and trimmed

_log = get_logger("edge")


class Feed:
    """Keeps one channel fed. `newest` is the newest number that the channel has, or that it begins above."""

    def __init__(
        self,
        channel: Channel,
        connection: Client,
        replays: Replays,
        sampler: Sampler | None,
        found_short: Callable[[int, int], None] = lambda _, __: None,
        moderation: Moderation | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        """`found_short` is told of a newest number, and of one that was given again though it is not above it."""
        self.channel = channel
        self.newest = 0
        self.heard_at = 0.0  # the loop's time at which the last copy came in, or the feed was opened
        self.asked: Asked | None = None  # since then, with others; nothing was stored that is not here (see `probe.py`)
        self._copies = Copies(connection, channel.shard, channel.video, self._heard)
        self._replays = replays
        self._sampler = sampler  # None: everything is shown
        self._hot_rate = sampler.readable_rate * HOT if sampler is not None else 0.0
        self._sampled = SampledIntake(self, self._copies, connection, replays, sampler) if sampler is not None else None
        self._found_short = found_short
        self._moderation = moderation
        self._tracer = tracer
        self._newest_ms = 0
        self._loop = asyncio.get_running_loop()
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._task: asyncio.Task[None] | None = self._loop.create_task(self._open())
        self._waiting: list[tuple[Message, int]] = []  # each with the number before it on its subject
        self._waiting_bytes = 0
        self._wanted = 0  # a gap is to be filled up to this number
        self._is_closed = False

    @property
    def is_open(self) -> bool:
        """Whether the ring holds everything above its floor, up to the newest number."""
        return self._opened.done() and self._task is None

    async def opened(self) -> None:
        """Wait until the feed has begun, and no gap is being filled."""
        await asyncio.shield(self._opened)
        while self._task is not None:
            await asyncio.wait({self._task})

    async def close(self) -> None:
        """Unsubscribe, and take nothing in any more."""
        self._is_closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        if not self._opened.done():
            self._opened.cancel()
        if self._sampled is not None:
            await self._sampled.close()
        await self._copies.unsubscribe()

    async def take_in_everything(self) -> None:
        """Take in live copies again, and what came meanwhile: tried until it can be, or the feed is closed."""
        channel = self.channel
        while not self._is_closed:
            try:
                # Subscribe first, then ask what was stored.
                await self._copies.subscribe()
                newest = await self._replays.newest(channel.shard, channel.video)
            except Exception as error:  # noqa: BLE001  viewers wait for it, whatever it is
                reason = f"{type(error).__name__}: {error}"
                _log.warning("not back to live copies yet", video=channel.video, reason=reason)
                await asyncio.sleep(RETRY_S)
            else:
                self.reach(newest)
                return

    def reach(self, number: int) -> None:
        """See to it that the channel gets everything up to `number`, which is known to be stored."""
        if number > max(self.newest, self._wanted):
            if self._task is None:
                GAPS_FOUND.inc()
            self._wanted = number
            self._fill_soon()

    def take_bundle(self, bundle: Bundle, fetched: Mapping[int, Message]) -> None:
        """Pass a bundle of the sample on, with those comments left out of it that somebody here sees all the same."""
        if self._is_closed:
            return
        self.heard_at = self._loop.time()
        self.asked = None
        if self._task is not None or bundle.after > self.newest:
            self.reach(bundle.upto)
            return
        if self._sampler is None or bundle.upto <= self.newest:
            return
        known = self.newest
        chosen = [Message(one.number, one.kind, one.posted_ms, one.payload) for one in bundle.chosen]
        for message in sorted([*chosen, *fetched.values()], key=attrgetter("number")):
            if message.number > known:
                PUBLISHED.inc(message.kind is None)
                author = ordinary_author(message.payload) if message.number in fetched else None
                self._pass_on(message, author)
        self.channel.leave_out([one for one in bundle.left_out if one[0] > known and one[0] not in fetched])
        self.newest = bundle.upto
        self._sampler.go_on_from(bundle.counted)

    async def _open(self) -> None:
        # Not `while True`: what is awaited here may swallow a cancellation (see `runtime/cancelling.py`).
        while not self._is_closed:
            try:
                newest = await self._subscribe_and_ask()
            except Exception as error:  # noqa: BLE001  viewers wait for it, whatever it is
                reason = f"{type(error).__name__}: {error}"
                _log.warning("cannot open a video yet", video=self.channel.video, reason=reason)
                await asyncio.sleep(RETRY_S)
                continue
            self.newest = newest
            self.channel.begin(newest)
            self.heard_at = self._loop.time()
            self._task = None
            self._opened.set_result(None)
            self._take_waiting()
            return

    async def _subscribe_and_ask(self) -> int:
        """Return the newest number, asked for when the server knew of the subscription."""
        channel = self.channel
        await self._copies.subscribe()
        if self._moderation is not None:
            await self._moderation.prepare(channel.video)
        newest = await self._replays.newest(channel.shard, channel.video)
        if self._sampler is not None:
            await count_newest(self._sampler, self._replays, channel.shard, channel.video, newest)
        return newest

    def _heard(self, stored: Stored, previous: int) -> None:
        if self._is_closed:  # what nats-py still had
            return
        PUBLISHED.inc(stored.kind is None)
        now = self._loop.time()
        vouched = self.asked is not None and now - self.asked.at < VOUCHED_S
        self.heard_at = now
        self.asked = None
        message = Message(stored.number, stored.kind, stored.posted_ms, stored.payload)
        if self._tracer is not None:
            self._follow(self._tracer, stored, previous, vouched=vouched)
        self._take(message, previous, vouched=vouched)

    def _follow(self, tracer: Tracer, stored: Stored, previous: int, *, vouched: bool) -> None:
        """Trace a copy that comes in its turn; it goes to the end of the ring next."""
        if self._task is not None:
            return
        verdict = judge(self.newest, stored.number, previous, vouched=vouched)
        if verdict is Verdict.APPEND and self.channel.viewers:
            span = tracer.followed(stored.headers.get(TRACEPARENT), "fan-out")
            if span is not None:
                span.attributes.update(number=str(stored.number), video=self.channel.video)
                span.reached("stored", nanoseconds(stored.headers[headers.TIMESTAMP]))
                self.channel.traced.add(self.channel.ring.end, span)

    def _take(self, message: Message, previous: int, *, vouched: bool = False) -> None:
        if self._task is not None:
            self._wait(message, previous)
            return
        match judge(self.newest, message.number, previous, vouched=vouched):
            case Verdict.APPEND:
                self._append(message)
            case Verdict.FILL:
                self._wait(message, previous)
                self.reach(message.number - 1 if previous == 0 else previous)
            case Verdict.DROP:
                held = self.channel.ring.frame_of(message.number)
                is_known = self.channel.was_left_out(message.number)  # as a bundle said that came before the copy
                if not is_known and given_again(message.posted_ms, held, self._newest_ms):
                    self._found_short(self.newest, message.number)

    def _append(self, message: Message) -> int:
        """Pass a message on, and return how many bytes it is."""
        hidden_author = None
        if self._sampler is not None and self._sampled is not None:
            hidden_author = message.hidden_author(self._sampler)
            if self._sampler.rate >= self._hot_rate:
                self._sampled.hot()
        return self._pass_on(message, hidden_author)

    def _pass_on(self, message: Message, hidden_author: str | None) -> int:
        self.newest = message.number
        self._newest_ms = message.posted_ms
        frame = message.frame()
        if self._moderation is not None and self._moderation.hides(self.channel.video, message):
            frame, hidden_author = b"", None
        self.channel.append(message.number, frame, message.posted_ms, hidden_author)
        if self._moderation is not None and message.kind is not None:
            self._moderation.took(self.channel.video, message)
        return len(frame)

    def _wait(self, message: Message, previous: int) -> None:
        self._waiting.append((message, previous))
        self._waiting_bytes += len(message.payload)
        if len(self._waiting) > MAX_WAITING or self._waiting_bytes > MAX_WAITING_BYTES:
            self._wanted = max(self._wanted, message.number)
            self._waiting = []
            self._waiting_bytes = 0

    def _take_waiting(self) -> None:
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        for message, previous in waiting:
            self._take(message, previous)
        if self._wanted > self.newest:
            self._fill_soon()

    def _fill_soon(self) -> None:
        if self._task is None and not self._is_closed:
            self._task = self._loop.create_task(self._fill())

    async def _fill(self) -> None:
        """Fetch what is missing, for as long as it takes, and go on with what came in meanwhile."""
        while self._wanted > self.newest and not self._is_closed:
            try:
                await self._fill_up_to(self._wanted)
                GAPS_FILLED.inc()
            except Exception as error:  # noqa: BLE001  viewers wait for it, whatever it is
                reason = f"{type(error).__name__}: {error}"
                _log.warning("a gap cannot be filled yet", video=self.channel.video, reason=reason)
                await asyncio.sleep(RETRY_S)
        self._task = None
        self._take_waiting()

    async def _fill_up_to(self, wanted: int) -> None:
        """Fetch piece by piece, no faster than it is written to the viewers: the ring must not lose what they lack."""
        unwritten_bytes = 0
        channel = self.channel
        parts = self._replays.parts(channel.shard, channel.video, self.newest, wanted, is_live=True)
        async with contextlib.aclosing(parts):
            async for part in parts:
                if part.missing is not None:
                    self._tell_missing(*part.missing)
                for message in part.messages:
                    unwritten_bytes += self._append(message)
                    if unwritten_bytes > FILL_BYTES:
                        await self.channel.written()
                        unwritten_bytes = 0
                self.newest = max(self.newest, part.upto)
                await self.channel.written()

    def _tell_missing(self, first: int, last: int) -> None:
        """Tell the viewers which part cannot be had, in its place in the order."""
        GAPS_LEFT.inc()
        _log.error("comments cannot be had", video=self.channel.video, first=first, last=last)
        told = {"resumed": True, "replayed": 0, "complete": False, "from": str(first), "to": str(last)}
        self.newest = last
        self.channel.append(last, sse.named_event("sync", told, last), 0)
