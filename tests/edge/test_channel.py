"""One video: what its viewers are written, and when."""

from __future__ import annotations

import asyncio

import pytest

from edge.channel import PIECE_BYTES, SLICE, Channel
from edge.pacer import MAX_REST_S, Pacer
from edge.ring import MAX_BYTES, MAX_ENTRIES
from tests.edge.recording import RecordingViewer, frame
from wire import sse

LONG = "x" * 400


REST_S = 0.5


class Unhurried(Pacer):
    """Makes a channel rest for so long that what comes in between can be seen to wait."""

    def wrote(self, now: float, cost_s: float) -> float:
        return REST_S


@pytest.fixture
async def channel() -> Channel:
    made = Channel(0, "v", Pacer())
    made.begin(100)
    return made


def join(channel: Channel, *viewers: RecordingViewer) -> None:
    for viewer in viewers:
        channel.join(viewer, channel.ring.end)


def append(channel: Channel, *numbers: int, text: str = "hello") -> None:
    for number in numbers:
        channel.append(number, frame(number, text), 0)


async def written(channel: Channel) -> None:
    async with asyncio.timeout(20):
        await channel.written()


async def test_comments_of_one_turn_of_the_loop_share_one_write(channel):
    viewer = RecordingViewer()
    join(channel, viewer)
    append(channel, 101, 102, 103)
    assert not viewer.pieces
    await written(channel)
    assert viewer.pieces == [frame(101) + frame(102) + frame(103)]


async def test_all_viewers_are_written_the_same_piece_of_memory(channel):
    viewers = [RecordingViewer() for _ in range(3)]
    join(channel, *viewers)
    append(channel, 101, 102)
    await written(channel)
    assert len({id(viewer.pieces[0]) for viewer in viewers}) == 1


async def test_in_a_quiet_room_a_comment_leaves_in_the_next_turn_of_the_loop(channel):
    viewer = RecordingViewer()
    join(channel, viewer)
    for number in (101, 102, 103):
        append(channel, number)
        await asyncio.sleep(0)
        assert viewer.numbers[-1] == number
        await asyncio.sleep(MAX_REST_S)  # it rests for longer where the machine took its time to write


async def test_while_the_channel_rests_comments_gather_for_one_write():
    channel = Channel(0, "v", Unhurried())
    channel.begin(100)
    viewer = RecordingViewer()
    join(channel, viewer)
    append(channel, 101)
    await asyncio.sleep(0)
    for number in range(102, 110):
        append(channel, number)
        await asyncio.sleep(0)
    assert viewer.numbers == [101]
    await written(channel)
    assert viewer.numbers == list(range(101, 110))
    assert len(viewer.pieces) == 2


async def test_a_viewer_whose_socket_is_full_is_left_alone_and_catches_up_from_the_ring(channel):
    slow, quick = RecordingViewer(), RecordingViewer()
    join(channel, slow, quick)
    slow.room_bytes = 10
    append(channel, 101)
    await written(channel)
    for number in range(102, 110):
        append(channel, number)
        await written(channel)
    assert slow.numbers == [101]
    assert quick.numbers == list(range(101, 110))
    slow.drain()
    assert slow.numbers == list(range(101, 110))
    append(channel, 110)
    await written(channel)
    assert slow.numbers == quick.numbers == list(range(101, 111))
    assert not slow.told("skipped")


async def test_a_viewer_that_fell_out_of_the_ring_is_told_which_comments_it_missed_and_goes_on_live(channel):
    slow, quick = RecordingViewer(), RecordingViewer()
    join(channel, slow, quick)
    slow.room_bytes = 10
    append(channel, 101)
    await written(channel)
    for begin in range(102, 102 + MAX_ENTRIES + 50, 100):
        append(channel, *range(begin, begin + 100))
        await written(channel)
    newest = channel.ring.newest
    slow.drain()
    floor = newest - MAX_ENTRIES
    assert slow.told("skipped") == [{"from": "102", "to": str(floor), "count": floor - 101}]
    assert slow.numbers == [101, *range(floor + 1, newest + 1)]
    skipped = next(event for event in slow.events if event.name == "skipped")
    assert skipped.last_id == str(floor)
    append(channel, newest + 1)
    await written(channel)
    assert slow.numbers[-1] == newest + 1
    assert not quick.told("skipped")
    assert quick.numbers == list(range(101, newest + 2))


async def test_a_viewer_that_was_full_before_it_joined_is_told_rightly_too(channel):
    append(channel, 101, 102)
    viewer = RecordingViewer()
    viewer.paused(0.0)  # by the replay that came before
    join(channel, viewer)
    other = RecordingViewer()
    join(channel, other)
    for begin in range(103, 103 + MAX_ENTRIES + 100, 100):
        append(channel, *range(begin, begin + 100))
        await written(channel)
    viewer.drain()
    floor = channel.ring.floor
    assert viewer.told("skipped") == [{"from": "103", "to": str(floor), "count": floor - 102}]


async def test_more_comments_between_two_writes_than_the_ring_holds_are_told_to_everybody(channel):
    early, late = RecordingViewer(), RecordingViewer()
    join(channel, early)
    append(channel, 101)
    await written(channel)
    append(channel, 102, 103)
    join(channel, late)  # has been given everything up to 103
    append(channel, *range(104, 104 + MAX_ENTRIES + 10))
    await written(channel)
    floor = channel.ring.floor
    assert early.told("skipped") == [{"from": "102", "to": str(floor), "count": floor - 101}]
    assert late.told("skipped") == [{"from": "104", "to": str(floor), "count": floor - 103}]
    assert early.numbers == [101, *range(floor + 1, channel.ring.newest + 1)]
    assert late.numbers == [*range(floor + 1, channel.ring.newest + 1)]


async def test_a_viewer_that_joins_in_the_middle_of_a_round_gets_each_comment_once(channel):
    viewers = [RecordingViewer() for _ in range(3 * SLICE)]
    join(channel, *viewers)
    append(channel, 101)
    await asyncio.sleep(0)  # the first slice has been written
    assert viewers[0].numbers == [101]
    assert viewers[-1].numbers == []
    newcomer = RecordingViewer()
    join(channel, newcomer)  # the joining gave it everything up to 101
    append(channel, 102)
    await written(channel)
    assert newcomer.numbers == [102]
    assert all(viewer.numbers == [101, 102] for viewer in viewers)


async def test_viewers_that_leave_in_the_middle_of_a_round_are_not_written_to(channel):
    viewers = [RecordingViewer() for _ in range(2 * SLICE)]
    join(channel, *viewers)
    append(channel, 101)
    await asyncio.sleep(0)
    leaving = viewers[SLICE : SLICE + 10]
    for viewer in leaving:
        viewer.gone()
    await written(channel)
    assert not any(viewer.pieces for viewer in leaving)
    assert len(channel.viewers) == len(viewers) - len(leaving)
    assert all(viewer.numbers == [101] for viewer in channel.viewers)


async def test_when_all_viewers_leave_in_a_round_the_next_one_to_come_misses_nothing(channel):
    viewers = [RecordingViewer() for _ in range(2 * SLICE)]
    join(channel, *viewers)
    append(channel, 101)
    await asyncio.sleep(0)
    for viewer in viewers:
        viewer.gone()
    append(channel, 102)
    await written(channel)
    newcomer = RecordingViewer()
    join(channel, newcomer)
    append(channel, 103)
    await written(channel)
    assert newcomer.numbers == [103]


async def test_a_viewer_that_catches_up_in_the_middle_of_a_round_is_not_written_twice(channel):
    viewers = [RecordingViewer() for _ in range(2 * SLICE)]
    join(channel, *viewers)
    last = viewers[-1]
    last.paused(0.0)
    append(channel, 101)
    await asyncio.sleep(0)
    last.drain()
    assert last.numbers == [101]
    await written(channel)
    assert last.numbers == [101]


async def test_a_comment_that_comes_in_during_a_round_reaches_those_who_wait_in_that_same_round(channel):
    viewers = [RecordingViewer() for _ in range(3 * SLICE)]
    join(channel, *viewers)
    append(channel, 101)
    await asyncio.sleep(0)  # the first slice is written
    append(channel, 102)
    await asyncio.sleep(0)
    assert viewers[0].numbers == [101]
    assert viewers[SLICE].numbers == [101, 102]
    assert len(viewers[SLICE].pieces) == 1
    await written(channel)
    assert all(viewer.numbers == [101, 102] for viewer in viewers)


async def test_what_is_removed_in_the_middle_of_a_round_is_not_written_to_those_who_wait(channel):
    viewers = [RecordingViewer() for _ in range(2 * SLICE)]
    join(channel, *viewers)
    append(channel, 101, 102)
    await asyncio.sleep(0)  # the first slice is written
    channel.ring.remove(101)
    await written(channel)
    assert viewers[0].numbers == [101, 102]
    assert viewers[-1].numbers == [102]


async def test_a_ring_that_turns_over_in_the_middle_of_a_round_loses_nothing_for_those_who_wait(channel):
    viewers = [RecordingViewer() for _ in range(2 * SLICE)]
    join(channel, *viewers)
    append(channel, 101)
    await asyncio.sleep(0)
    append(channel, *range(102, 102 + MAX_ENTRIES + 10))  # 101 is no longer in the ring, but in the round
    await written(channel)
    floor = channel.ring.floor
    for viewer in (viewers[0], viewers[-1]):
        assert viewer.numbers == [101, *range(floor + 1, channel.ring.newest + 1)]
        assert viewer.told("skipped") == [{"from": "102", "to": str(floor), "count": floor - 101}]


async def test_one_who_catches_up_is_written_no_more_than_its_socket_takes(channel):
    viewer = RecordingViewer()
    join(channel, viewer)
    viewer.paused(0.0)
    append(channel, *range(101, 101 + 900), text=LONG)
    assert channel.ring.begin == 0
    viewer.drain(room_bytes=PIECE_BYTES)
    assert sum(map(len, viewer.pieces)) <= 2 * PIECE_BYTES + len(frame(101, LONG))
    while viewer.paused_since is not None:
        viewer.drain(room_bytes=PIECE_BYTES)
    assert viewer.numbers == list(range(101, 101 + 900))


async def test_the_ring_of_a_channel_is_bounded_in_bytes(channel):
    for number in range(101, 101 + 5_000):
        append(channel, number, text=LONG)
    assert sum(map(len, channel.ring._frames)) <= MAX_BYTES


async def test_a_notice_goes_to_everybody_who_reads_and_has_no_place_in_the_order(channel):
    slow, quick = RecordingViewer(), RecordingViewer()
    join(channel, slow, quick)
    slow.paused(0.0)
    channel.tell(sse.HEARTBEAT)
    await written(channel)
    assert quick.pieces == [sse.HEARTBEAT]
    slow.drain()
    assert not slow.pieces
    append(channel, 101)
    await written(channel)
    assert slow.numbers == quick.numbers == [101]


async def test_a_notice_in_the_middle_of_a_round_comes_after_it(channel):
    viewers = [RecordingViewer() for _ in range(2 * SLICE)]
    join(channel, *viewers)
    append(channel, 101)
    await asyncio.sleep(0)
    channel.tell(sse.named_event("viewers", {"count": 3}))
    await written(channel)
    assert all(b"".join(viewer.pieces).startswith(frame(101)) for viewer in viewers)
    assert all(viewer.told("viewers") == [{"count": 3}] for viewer in viewers)


async def test_a_message_that_there_is_nothing_to_show_of_moves_viewers_past_it(channel):
    viewer = RecordingViewer()
    join(channel, viewer)
    channel.append(101, b"", 0)
    await written(channel)
    assert not viewer.pieces
    assert viewer.reached == 101
    append(channel, 102)
    await written(channel)
    assert viewer.numbers == [102]


async def test_a_viewer_that_cannot_be_written_to_is_closed_and_all_others_go_on(channel):
    class Broken(RecordingViewer):
        def send(self, data: bytes) -> None:
            raise RuntimeError("the handle is closed")

    before, broken, after = RecordingViewer(), Broken(), RecordingViewer()
    join(channel, before, broken, after)
    append(channel, 101)
    await written(channel)
    append(channel, 102)
    await written(channel)
    assert broken.aborted
    assert before.numbers == after.numbers == [101, 102]


async def test_nothing_comes_after_a_goodbye(channel):
    viewer = RecordingViewer()
    join(channel, viewer)
    viewer.say_goodbye("drain", 2_000)
    append(channel, 101)  # the recording viewer refuses to be written to after its end
    await written(channel)
    viewer.say_goodbye("expired", 2_000)
    assert viewer.told("bye") == [{"reason": "drain"}]
    assert viewer not in channel.viewers


async def test_a_broadcast_to_many_gives_the_loop_back_between_slices(channel):
    viewers = [RecordingViewer() for _ in range(5 * SLICE)]
    join(channel, *viewers)
    append(channel, 101)
    turns = 0
    while not viewers[-1].pieces:
        await asyncio.sleep(0)
        turns += 1
    assert turns == 5


async def test_a_hidden_comment_goes_to_its_author_and_to_those_who_follow_it(channel):
    author, follower, other = (
        RecordingViewer("ann"),
        RecordingViewer("bob", following=frozenset({"ann"})),
        RecordingViewer("eve"),
    )
    join(channel, author, follower, other)
    append(channel, 101)
    channel.append(102, frame(102), 0, hidden_author="ann")
    append(channel, 103)
    await written(channel)
    assert author.numbers == follower.numbers == [101, 102, 103]
    assert other.numbers == [101, 103]
    channel.tell_sampled()
    await written(channel)
    assert other.told("sampled") == [{"shown": 2, "of": 3}]
    channel.append(104, frame(104), 0, hidden_author="ann")
    channel.tell_sampled()  # in one round with a comment that not everybody gets
    await written(channel)
    assert all(viewer.told("sampled")[-1] == {"shown": 0, "of": 1} for viewer in (author, follower, other))
