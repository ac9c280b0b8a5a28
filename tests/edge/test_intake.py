"""Whatever happens to live copies on their way, the channel gets what was stored, in order, once."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.asked import Asked
from edge.channel import Channel
from edge.feed import MAX_WAITING, Feed
from edge.intake import Verdict, given_again, judge
from edge.pacer import Pacer
from edge.replays import Replays
from runtime.jetstream import StoreAwayError
from tests.edge.recording import RecordingViewer, frame
from tests.edge.shard import SHARD, VIDEO, Shard
from wire import headers, sse, subjects
from wire.comment import encode_payload


def test_the_next_number_is_appended():
    assert judge(newest=10, number=12, previous=10) is Verdict.APPEND


def test_a_number_seen_before_is_dropped():
    assert judge(newest=10, number=10, previous=8) is Verdict.DROP
    assert judge(newest=10, number=9, previous=8) is Verdict.DROP


def test_a_predecessor_above_the_newest_is_a_gap():
    assert judge(newest=10, number=15, previous=12) is Verdict.FILL


def test_after_a_deletion_the_predecessor_goes_back_and_that_is_no_gap():
    assert judge(newest=10, number=15, previous=8) is Verdict.APPEND


def test_the_first_comment_of_a_video_is_no_gap():
    assert judge(newest=0, number=15, previous=0) is Verdict.APPEND


def test_no_predecessor_in_the_stream_vouches_for_nothing():
    assert judge(newest=10, number=15, previous=0) is Verdict.FILL
    assert judge(newest=14, number=15, previous=0) is Verdict.APPEND


def test_where_nothing_was_stored_a_moment_ago_what_came_before_was_trimmed():
    assert judge(newest=10, number=15, previous=0, vouched=True) is Verdict.APPEND
    assert judge(newest=10, number=15, previous=12, vouched=True) is Verdict.FILL


# What happens to the copy of one stored message: it arrives, is lost, comes twice, or comes after the next ones.
FATES = ("arrives", "arrives", "lost", "twice", "late")
logs = st.lists(st.tuples(st.integers(1, 4), st.sampled_from(FATES), st.booleans()), min_size=1, max_size=40)


def copies_of(log: list[tuple[int, str, bool]], begin: int) -> tuple[list[int], list[tuple[int, int]]]:
    """Return the numbers stored, and the copies (number, predecessor) in the order of their arrival."""
    numbers: list[int] = []
    arrived: list[tuple[int, int]] = []
    late: list[tuple[int, int]] = []
    for step, fate, trimmed in log:
        previous = numbers[-1] if numbers else begin
        number = previous + step
        copy = (number, 0 if trimmed else previous)
        numbers.append(number)
        if fate in ("arrives", "twice"):
            arrived += [copy] * (2 if fate == "twice" else 1) + late
            late = []
        elif fate == "late":
            late.append(copy)
    return numbers, arrived + late


@given(log=logs, begin=st.integers(0, 5))
def test_a_gap_filled_from_the_log_leaves_the_log(log, begin):
    numbers, copies = copies_of(log, begin)
    taken: list[int] = []
    newest = begin
    for number, previous in copies:
        if judge(newest, number, previous) is Verdict.FILL:
            upto = previous or number - 1
            taken += [one for one in numbers if newest < one <= upto]
            newest = upto
        if judge(newest, number, previous) is Verdict.APPEND:
            taken.append(number)
            newest = number
    # A predecessor of 0 at the very beginning says that there was nothing before.
    known = numbers if begin else [one for one in numbers if one >= (taken[0] if taken else 0)]
    assert taken == [one for one in known if one <= newest]


class LiveCopies:
    """A connection on which only live copies come, when the test says so."""

    def __init__(self) -> None:
        self.heard = None
        self.subscribed = asyncio.Event()
        self.unsubscribed = 0
        self.stamp = "2026-01-01T00:00:00Z"

    async def subscribe(self, subject: str, *, cb, **_) -> SimpleNamespace:
        self.heard = cb
        self.subscribed.set()

        async def unsubscribe() -> None:
            self.unsubscribed += 1

        return SimpleNamespace(unsubscribe=unsubscribe)

    async def flush(self, timeout: float) -> None:
        pass

    async def bring(self, number: int, previous: int) -> None:
        fields = {
            headers.SEQUENCE: str(number),
            headers.LAST_SEQUENCE: str(previous),
            headers.SUBJECT: subjects.comments(SHARD, VIDEO),
            headers.TIMESTAMP: self.stamp,
        }
        await self.heard(SimpleNamespace(headers=fields, data=encode_payload("u", f"m{number}")))


class Opened:
    """A feed with one viewer, of a shard whose truth is known."""

    def __init__(self, shard: Shard) -> None:
        self.shard = shard
        self.copies = LiveCopies()
        self.channel = Channel(SHARD, VIDEO, Pacer())
        self.feed = Feed(self.channel, self.copies, Replays(shard, shard, (), live_patience_s=0), None)  # type: ignore[arg-type]
        self.viewer = RecordingViewer()

    async def open(self) -> None:
        await self.feed.opened()
        self.channel.join(self.viewer, self.channel.ring.end)

    async def settle(self) -> None:
        async with asyncio.timeout(20):
            await self.feed.opened()
            await self.channel.written()


@settings(max_examples=150, deadline=None)
@given(log=logs, begin=st.integers(1, 5), turns=st.lists(st.booleans(), min_size=80, max_size=80))
async def test_a_viewer_gets_every_comment_once_and_in_order_whatever_is_lost_on_the_way(log, begin, turns):
    numbers, copies = copies_of(log, begin)
    shard = Shard([begin])
    opened = Opened(shard)
    await opened.open()
    shard.numbers += numbers
    for (number, previous), turn in zip(copies, turns, strict=False):
        await opened.copies.bring(number, previous)
        if turn:
            await asyncio.sleep(0)  # the loop gets to other things, such as filling a gap
    opened.feed.reach(numbers[-1])  # the probe finds a lost last one
    await opened.settle()
    assert opened.viewer.numbers == numbers
    assert opened.feed.newest == numbers[-1]


async def test_what_comes_while_a_video_is_opened_is_not_lost_and_not_shown_twice():
    shard = Shard([10, 20])
    opened = Opened(shard)
    await opened.copies.subscribed.wait()
    shard.numbers.append(30)
    await opened.copies.bring(20, 10)
    await opened.copies.bring(30, 20)
    await opened.open()
    await opened.settle()
    assert opened.feed.newest == 30
    assert opened.channel.ring.newest == 30


async def test_what_is_stored_after_the_newest_number_was_asked_for_is_shown_live():
    shard = Shard([10, 20])
    opened = Opened(shard)
    ask = shard.newest

    async def newest(*asked) -> int | None:
        answer = await ask(*asked)
        shard.numbers.append(30)
        await opened.copies.bring(30, 20)  # on its way before the answer is
        return answer

    shard.newest = newest
    await opened.open()
    await opened.settle()
    assert opened.channel.ring.floor == 20
    assert opened.channel.ring.newest == 30


@pytest.mark.parametrize("last", [MAX_WAITING + 3, 3 * MAX_WAITING], ids=["by the last one", "many times"])
async def test_more_copies_than_can_wait_are_read_again(last):
    shard = Shard([1])
    opened = Opened(shard)
    await opened.open()
    shard.numbers += range(2, last + 1)
    for number in range(3, last + 1):  # the copy of 2 is lost
        await opened.copies.bring(number, number - 1)
    assert len(opened.feed._waiting) <= MAX_WAITING
    await opened.settle()
    assert opened.viewer.numbers == list(range(2, last + 1))
    assert not opened.viewer.told("skipped")


async def test_a_gap_longer_than_the_ring_is_written_to_a_viewer_that_keeps_up():
    shard = Shard([1])
    opened = Opened(shard)
    await opened.open()
    shard.numbers += range(2, 9_002)
    opened.feed.reach(9_001)
    await opened.settle()
    assert opened.viewer.numbers == list(range(2, 9_002))
    assert not opened.viewer.told("skipped")


async def test_a_gap_that_nobody_has_is_told_in_its_place():
    shard = Shard([1])
    opened = Opened(shard)
    await opened.open()
    shard.numbers += [5, 9, 12]
    shard.first, shard.history_is_away = 9, True  # 5 has been trimmed
    await opened.copies.bring(12, 9)
    await opened.settle()
    assert opened.viewer.numbers == [9, 12]
    assert opened.viewer.told("sync") == [{"resumed": True, "replayed": 0, "complete": False, "from": "2", "to": "8"}]
    assert [event.last_id for event in opened.viewer.events] == ["8", "9", "12"]


async def test_after_a_trim_the_next_comment_of_a_quiet_video_needs_no_history():
    shard = Shard([1])
    opened = Opened(shard)
    await opened.open()
    opened.feed.asked = asked = Asked()
    asked.note(asyncio.get_running_loop().time(), 1)  # the probe has just asked
    shard.numbers.append(20)
    shard.first, shard.history_is_away = 20, True
    await opened.copies.bring(20, 0)
    await opened.settle()
    assert opened.viewer.numbers == [20]
    assert not opened.viewer.told("sync")


async def test_a_gap_in_live_waits_for_history_where_only_history_has_it():
    shard = Shard([1])
    opened = Opened(shard)
    opened.feed._replays._archive._live_patience_s = 5
    await opened.open()
    shard.numbers += [5, 9, 12]
    shard.first, shard.through, shard.history_is_away = 9, 12, True
    opened.feed._replays._archive._rests_until = asyncio.get_running_loop().time() + 60  # a replay found it away
    await opened.copies.bring(12, 9)
    while shard.asked < 4:  # noqa: ASYNC110  it asks in vain
        await asyncio.sleep(0.01)
    shard.history_is_away = False
    await opened.settle()
    assert opened.viewer.numbers == [5, 9, 12]
    assert not opened.viewer.told("sync")


async def test_a_video_opened_without_history_does_not_claim_to_reach_back_to_its_beginning():
    shard = Shard([3, 7])
    shard.first, shard.history_is_away = 100, True
    opened = Opened(shard)
    await opened.open()
    assert opened.channel.ring.floor == 99


async def test_a_gap_is_filled_once_the_store_is_back():
    shard = Shard([1])
    opened = Opened(shard)
    await opened.open()
    shard.numbers += [2, 3]
    failures = 2

    def fail() -> None:
        nonlocal failures
        if failures:
            failures -= 1
            raise StoreAwayError("away")

    shard.before_each = fail
    await opened.copies.bring(3, 2)
    await opened.settle()
    assert opened.viewer.numbers == [2, 3]


async def test_a_feed_that_is_closed_while_it_fills_a_gap_ends():
    shard = Shard([1])
    opened = Opened(shard)
    await opened.open()
    shard.numbers += [2, 3]
    await opened.copies.bring(3, 2)
    async with asyncio.timeout(5):
        await opened.feed.close()
    assert opened.copies.unsubscribed == 1


async def test_news_of_a_video_that_was_let_go_begin_nothing():
    shard = Shard([1])
    opened = Opened(shard)
    await opened.open()
    await opened.feed.close()
    shard.numbers.append(2)
    asked = shard.asked
    tasks = asyncio.all_tasks()
    opened.feed.reach(2)  # the probe had asked before
    assert asyncio.all_tasks() == tasks
    assert shard.asked == asked


def test_what_could_not_be_had_and_comes_late_is_not_taken_for_a_number_given_twice():
    told = sse.named_event("sync", {"complete": False}, 12)
    assert not given_again(1_700_000_000_000, told, 1_600_000_000_000)
    assert not given_again(1_700_000_000_000, frame(12), 1_600_000_000_000)
    assert given_again(1_700_000_000_001, frame(12), 1_600_000_000_000)
