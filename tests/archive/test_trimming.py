"""The stream gives up what is archived and old, and nothing else."""

import asyncio
import time

from hypothesis import given
from hypothesis import strategies as st

from runtime.jetstream import Outgoing, StreamState
from runtime.streams import provision
from tests.archive.conftest import SHARD, VIDEO, World, until
from wire import subjects
from wire.comment import encode_payload
from wire.headers import message_id
from writer.archiving import trimming
from writer.archiving.trimming import Trimmer, give_up_from

MIB = 1024 * 1024


async def old_enough(number: int, world: World, keep_s: float) -> None:
    """Wait until a message is older than the stream must keep it."""
    [message], _ = await world.reader.after(SHARD, "*", number - 1, 1)

    async def old() -> bool:
        return time.time() * 1000 > message.posted_ms + keep_s * 1000 + 1

    await until(old)


def trimmer(world: World, **overrides: int) -> Trimmer:
    return Trimmer(world.connection, world.reader, world.settings.model_copy(update=overrides), SHARD)


async def test_what_is_not_archived_stays_however_old_it_is(world: World) -> None:
    numbers = await world.say("one", "two", "three")
    await old_enough(numbers[-1], world, keep_s=1)
    assert await trimmer(world, keep_s=1).trim(numbers[0] - 1) == numbers[0]
    assert await trimmer(world, keep_s=1).trim(numbers[1]) == numbers[1]
    held, _ = await world.reader.after(SHARD, "*", 0, 10)
    assert [message.number for message in held] == numbers[1:]


async def test_what_is_archived_stays_for_as_long_as_postgres_may_fall_back(world: World) -> None:
    old = await world.say("one", "two")
    await old_enough(old[-1], world, keep_s=1)
    young = await world.say("three", "four")
    await trimmer(world, keep_s=1).trim(young[-1])
    held, _ = await world.reader.after(SHARD, "*", 0, 10)
    assert [message.number for message in held] == young


async def test_what_is_archived_and_old_goes_also_while_postgres_is_behind(world: World) -> None:
    old = await world.say("one", "two", "three")
    await old_enough(old[-1], world, keep_s=1)
    young = await world.say("four")
    assert await trimmer(world, keep_s=1).trim(old[1]) == old[1]
    held, _ = await world.reader.after(SHARD, "*", 0, 10)
    assert [message.number for message in held] == [*old[1:], *young]


async def test_what_came_with_a_key_that_may_still_be_repeated_stays_so_that_it_is_known_after_a_restart(
    world: World,
) -> None:
    settings = world.settings.model_copy(update={"key_life_s": 600})
    await provision(world.connection, world.owner, settings, lambda _: None)
    subject, payload = subjects.comments(SHARD, VIDEO), encode_payload("ann", "text")
    posted = Outgoing(subject, payload, message_id(VIDEO, "ann", "key"))
    number = (await world.publisher.one(posted)).number
    later = await world.say("later")
    await old_enough(later[-1], world, keep_s=1)
    await trimmer(world, keep_s=1, key_life_s=600).trim(later[-1])
    world.nats.kill()
    await asyncio.to_thread(world.nats.start)

    async def back() -> bool:
        return world.connection.is_connected

    await until(back)
    again = await world.publisher.one(posted)
    assert (again.number, again.duplicate) == (number, True)


async def test_the_last_archived_message_stays_so_that_a_trim_never_reaches_beyond_the_end(world: World) -> None:
    numbers = await world.say("one", "two", "three")
    await old_enough(numbers[-1], world, keep_s=1)
    assert await trimmer(world, keep_s=1).trim(numbers[-1]) == numbers[-1]
    [after] = await world.say("four")
    assert after == numbers[-1] + 1


async def test_a_stream_found_short_is_not_trimmed(world: World) -> None:
    numbers = await world.say("one", "two", "three")
    await old_enough(numbers[-1], world, keep_s=1)
    assert await trimmer(world, keep_s=1).trim(numbers[-1] + 100) <= numbers[0]
    held, _ = await world.reader.after(SHARD, "*", 0, 10)
    assert [message.number for message in held] == numbers


async def test_an_empty_stream_is_left_alone(world: World) -> None:
    through = await world.position()
    assert await trimmer(world, keep_s=1).trim(through) == through + 1
    assert await world.say("one") == [through + 1]


async def test_the_archiver_trims_by_itself_also_while_comments_keep_coming(world: World, monkeypatch) -> None:
    monkeypatch.setattr(trimming, "TRIM_INTERVAL_S", 0.2)
    await world.start(keep_s=1)
    posting = True

    async def post() -> None:
        while posting:
            await world.say("again and again")

    task = asyncio.create_task(post())
    first = (await world.reader.state(SHARD)).first

    async def trimmed_twice() -> bool:
        nonlocal first
        seen, now = first, (await world.reader.state(SHARD)).first
        assert now <= await world.position() + 1
        first = now
        return now > seen > 0 and now - seen > 1

    await until(trimmed_twice)
    await until(trimmed_twice)
    posting = False
    await task


async def test_a_stream_that_fills_up_gives_up_archived_messages_early(world: World) -> None:
    payload = encode_payload("ann", "x" * 20_000)
    numbers = [await world.store(payload) for _ in range(45)]
    full = MIB
    kept_from = await trimmer(world, stream_bytes=full).trim(numbers[-1])
    state = await world.reader.state(SHARD)
    assert state.first == kept_from > numbers[0]
    assert 0.3 * full < state.held_bytes < 0.6 * full
    assert await trimmer(world, stream_bytes=full).trim(numbers[-1]) == kept_from


async def test_a_stream_that_fills_up_still_keeps_what_is_not_archived(world: World) -> None:
    payload = encode_payload("ann", "x" * 20_000)
    numbers = [await world.store(payload) for _ in range(45)]
    await trimmer(world, stream_bytes=MIB).trim(numbers[3])
    assert (await world.reader.state(SHARD)).first == numbers[3]


@given(
    first=st.integers(1, 2**53),
    count=st.integers(0, 10**7),
    archived=st.integers(0, 10**7),
    held=st.integers(0, 2**40),
    allowed=st.integers(MIB, 2**40),
)
def test_giving_up_never_reaches_beyond_what_is_archived(
    first: int, count: int, archived: int, held: int, allowed: int
) -> None:
    through = first - 1 + min(archived, count)
    keep_from = give_up_from(StreamState(first, first + count - 1, held), through, allowed)
    assert keep_from is None or keep_from <= max(through, first)
    assert (keep_from is None) == (held <= 0.75 * allowed)
