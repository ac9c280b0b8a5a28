"""Whatever becomes of the bundles of a sample on their way, viewers are shown that sample, once and in order."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.channel import Channel
from edge.feed import Feed
from edge.left_out import MAX_NUMBERS, LeftOut
from edge.pacer import Pacer
from edge.replays import Replays
from runtime.tokens import Identity
from tests.edge.recording import NEVER_EXPIRES, RecordingViewer
from tests.edge.shard import POSTED_MS, SHARD, VIDEO, Shard
from tests.edge.test_intake import LiveCopies, Opened
from wire.comment import encode_payload
from wire.sample import Bundle, Chosen, author_mark
from wire.sampling import Sampler

RATE = 20
AUTHOR = Identity("u", NEVER_EXPIRES)  # of everything in a `Shard`


class Sampled(Opened):
    """A feed with a sampler, a viewer that is shown the sample, and the bundles that a writer makes of its shard."""

    def __init__(self, shard: Shard) -> None:
        self.shard = shard
        self.copies = LiveCopies()
        self.channel = Channel(SHARD, VIDEO, Pacer())
        replays = Replays(shard, shard, history_pauses_s=())  # type: ignore[arg-type]
        self.feed = Feed(self.channel, self.copies, replays, Sampler(RATE))  # type: ignore[arg-type]
        self.viewer = RecordingViewer("x")
        self.sampler = Sampler(RATE)
        self.shown: list[int] = []

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
    sampled.copies.stamp = "2023-11-14T22:13:20.001Z"  # the first one's; the rest come in bundles
    await sampled.copies.bring(1, 0)
    sampled.feed.take_bundle(sampled.bundle(0, numbers[:200]), {})
    await sampled.copies.bring(200, 199)
    sampled.feed.take_bundle(sampled.bundle(200, numbers[200:]), {})
    await sampled.settle()
    assert sampled.viewer.numbers == sampled.shown


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
