"""Whatever becomes of the bundles of a sample on their way, viewers are shown that sample, once and in order."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace

import nats.errors
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.channel import Channel
from edge.feed import Feed
from edge.left_out import MAX_NUMBERS, LeftOut
from edge.pacer import Pacer
from edge.replays import Replays
from edge.sampled_intake import SampledIntake
from runtime.jetstream import StoreAwayError
from runtime.tokens import Identity
from tests.edge.recording import NEVER_EXPIRES, RecordingViewer
from tests.edge.shard import POSTED_MS, SHARD, VIDEO, Shard
from tests.edge.test_intake import LiveCopies, Opened
from tests.edge.waiting import until
from wire import subjects
from wire.comment import encode_payload
from wire.sample import Bundle, Chosen, author_mark
from wire.sampling import Sampler

RATE = 20
LIVE, SAMPLE = subjects.live(SHARD, VIDEO), subjects.sample(SHARD, VIDEO)
AUTHOR = Identity("u", NEVER_EXPIRES)  # of everything in a `Shard`


class Sampled(Opened):
    """A feed with a sampler, a viewer that is shown the sample, and the bundles that a writer makes of its shard."""

    def __init__(self, shard: Shard, copies: LiveCopies | None = None) -> None:
        self.shard = shard
        self.copies = copies or LiveCopies()
        self.channel = Channel(SHARD, VIDEO, Pacer())
        replays = Replays(shard, shard, history_pauses_s=())  # type: ignore[arg-type]
        self.given_again: list[int] = []
        self.feed = Feed(
            self.channel,
            self.copies,  # type: ignore[arg-type]
            replays,
            Sampler(RATE),
            lambda _, number: self.given_again.append(number),
        )
        self.viewer = RecordingViewer("x")
        self.sampler = Sampler(RATE)
        self.shown: list[int] = []

    async def bring(self, number: int, previous: int) -> None:
        """Have a live copy come, with the time at which it was stored."""
        stored = datetime.fromtimestamp((POSTED_MS + number) / 1000, UTC)
        self.copies.stamp = stored.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        await self.copies.bring(number, previous)

    def bundle(self, after: int, numbers: list[int]) -> Bundle:
        """What a writer says of the next numbers."""
        chosen: list[Chosen] = []
        left_out: list[tuple[int, int]] = []
        for number in numbers:
            if self.sampler.shows(number, POSTED_MS + number):
                self.shown.append(number)
                chosen.append(Chosen(number, None, POSTED_MS + number, encode_payload("u", f"m{number}")))
            else:
                left_out.append((number, author_mark("u")))
        return Bundle("w", RATE, after, numbers[-1] if numbers else after, chosen, left_out, self.sampler.counted)


fates = st.sampled_from(["comes", "comes", "lost", "twice", "again later"])


@settings(max_examples=150, deadline=None)
@given(log=st.lists(st.tuples(st.lists(st.integers(1, 5), max_size=60), fates, st.booleans()), min_size=1, max_size=25))
async def test_the_same_sample_is_shown_whatever_is_lost_or_repeated(log):
    shard = Shard([])
    sampled = Sampled(shard)
    await sampled.open()
    number, late = 0, []
    for steps, fate, settles in log:
        after, numbers = number, []
        for step in steps:
            number += step
            numbers.append(number)
        shard.numbers += numbers
        bundle = sampled.bundle(after, numbers)
        for one in [bundle] * {"lost": 0, "twice": 2}.get(fate, 1) + late:
            sampled.feed.take_bundle(one, {})
        late = [bundle] if fate == "again later" else []
        if settles:
            await sampled.settle()
    sampled.feed.reach(number)
    await sampled.settle()
    assert sampled.viewer.numbers == sampled.shown
    assert sampled.feed.newest == number
    # Everything is either in the ring, or known to have been left out: the loss audit can tell.
    ring = sampled.channel.ring
    assert all(ring.frame_of(one) is not None or sampled.channel.may_lack(one) for one in shard.numbers)
    lacking = [one for one in shard.numbers if ring.frame_of(one) is None]
    for one in shard.numbers:
        assert sampled.channel.lacks_of(AUTHOR, one) == any(other > one for other in lacking)
        assert not sampled.channel.lacks_of(Identity("x", NEVER_EXPIRES), one)


async def test_live_copies_and_bundles_of_the_same_comments_make_one_order():
    shard = Shard([])
    sampled = Sampled(shard)
    await sampled.open()
    numbers = list(range(1, 401))
    shard.numbers += numbers
    await sampled.bring(1, 0)
    sampled.feed.take_bundle(sampled.bundle(0, numbers[:200]), {})
    await sampled.bring(200, 199)
    sampled.feed.take_bundle(sampled.bundle(200, numbers[200:]), {})
    await sampled.settle()
    assert sampled.viewer.numbers == sampled.shown


async def test_a_live_copy_that_comes_after_the_bundle_that_left_it_out_is_no_number_given_twice():
    """A false alarm would have the shard stopped and lifted."""
    shard = Shard([])
    sampled = Sampled(shard)
    await sampled.open()
    numbers = list(range(2, 802, 2))
    shard.numbers += numbers
    sampled.feed.take_bundle(sampled.bundle(0, numbers), {})
    late = [number for number in numbers if number > sampled.shown[-1]]
    assert late, "the newest one was left out"
    for number in late:
        await sampled.bring(number, number - 2)
    assert sampled.given_again == []
    await sampled.bring(late[-1] - 1, late[-1] - 2)  # nothing had this number
    assert sampled.given_again == [late[-1] - 1]
    await sampled.settle()
    assert sampled.viewer.numbers == sampled.shown


class Refusing(LiveCopies):
    """A connection that takes no subscription for a while, and on which a defect ends the taking in of a sample."""

    def __init__(self) -> None:
        super().__init__()
        self.refusals = 0
        self.listeners: dict[str, object] = {}

    async def subscribe(self, subject: str, *, cb, **options) -> SimpleNamespace:
        if self.refusals:
            self.refusals -= 1
            raise nats.errors.ConnectionClosedError
        self.listeners[subject] = cb
        await super().subscribe(subject, cb=self.listeners.get(LIVE), **options)

        async def unsubscribe() -> None:
            del self.listeners[subject]

        return SimpleNamespace(unsubscribe=unsubscribe)

    @property
    def is_connected(self) -> bool:
        raise RuntimeError("a defect")


async def hear(sampled: Sampled, intake: SampledIntake) -> None:
    """Have a bundle come that says that nothing did."""
    await intake._heard(SimpleNamespace(data=sampled.bundle(0, []).encode()))  # type: ignore[arg-type]


async def alone(sampled: Sampled, copies: Refusing) -> SampledIntake:
    """Have a feed take in the sample alone."""
    await sampled.open()
    intake = sampled.feed._sampled
    assert intake is not None
    intake.hot()
    await until(lambda: SAMPLE in copies.listeners)
    for _ in range(20):
        await hear(sampled, intake)
    await until(lambda: LIVE not in copies.listeners)
    return intake


async def test_a_feed_that_can_neither_have_the_sample_nor_subscribe_at_once_tries_until_it_has_everything(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("edge.sampled_intake.LOOK_EVERY_S", 0.01)
    monkeypatch.setattr("edge.feed.RETRY_S", 0.01)
    copies = Refusing()
    sampled = Sampled(Shard([]), copies)
    intake = await alone(sampled, copies)
    copies.refusals = 5
    sampled.shard.numbers += [1, 2, 3]
    # No bundle comes any more: it would go back to live copies, and fails as nobody foresaw.
    await until(lambda: LIVE in copies.listeners)
    assert copies.refusals == 0
    await until(lambda: sampled.feed.newest == 3)
    await until(lambda: SAMPLE not in copies.listeners and not intake.is_alone)
    sampled.shard.numbers.append(4)
    await copies.bring(4, 3)
    await sampled.settle()
    assert sampled.viewer.numbers == [1, 2, 3, 4]
    intake.hot()
    assert intake._task is None, "what has just failed rests, whatever comes in meanwhile"
    await sampled.feed.close()


class Connected(Refusing):
    """A connection that stands."""

    is_connected = True  # type: ignore[assignment]


async def test_a_feed_that_cannot_go_back_to_live_copies_yet_takes_in_no_more_than_the_sample_when_that_goes_on(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("edge.sampled_intake.LOOK_EVERY_S", 0.01)
    monkeypatch.setattr("edge.sampled_intake.SILENCE_S", 0.3)
    copies = Connected()
    sampled = Sampled(Shard([]), copies)
    intake = await alone(sampled, copies)
    failures = 0

    def fail() -> None:
        nonlocal failures
        failures += 1
        raise StoreAwayError("an election")

    sampled.shard.before_each = fail
    await until(lambda: failures > 0)  # no bundle comes, and it would go back to live copies
    for _ in range(20):
        await hear(sampled, intake)
        await asyncio.sleep(0.01)
    assert intake.is_alone
    assert LIVE not in copies.listeners
    await sampled.feed.close()


async def test_a_feed_that_is_closed_subscribes_no_more():
    copies = Refusing()
    sampled = Sampled(Shard([]), copies)
    await sampled.open()
    await sampled.feed.close()
    await sampled.feed.take_in_everything()
    assert not copies.listeners


def test_what_was_left_out_is_forgotten_within_bounds_and_then_concerns_everybody():
    left_out = LeftOut()
    left_out.add([(number, number % 1_000) for number in range(1, MAX_NUMBERS + 1)], 0)
    assert left_out.has(1)
    assert not left_out.concerns([5_000], 0)
    left_out.add([(MAX_NUMBERS + 1, 1)], 0)
    assert left_out.floor == MAX_NUMBERS // 2 + 1
    assert left_out.concerns([5_000], left_out.floor - 1)
    assert not left_out.concerns([5_000], left_out.floor)
    assert left_out.concerns([1], left_out.floor)
    assert not left_out.concerns([1], MAX_NUMBERS + 1)
    assert not left_out.any_after(MAX_NUMBERS + 1)
