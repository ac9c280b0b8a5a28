"""A stream that was found short never gives a number twice, and nothing that it still has is lost."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime import jetstream
from runtime.jetstream import StreamState
from runtime.marks import Marks
from runtime.streams import LOCK_CLASS, provision, put_subjects_back, take_subjects_off
from tests.archive.conftest import SHARD, World, metric, until, until_metric
from wire.mark import Claim
from writer.archiving import lifting, stream_check

LIFTS = "livecomments_archive_lifts_total"
COLLIDED = "livecomments_archive_collided_total"
LOST = "livecomments_archive_lost_numbers_total"


class Copy:
    """A copy of what nats-server has on its disk, to be put back later."""

    def __init__(self, world: World, folder: Path) -> None:
        self._world = world
        self._store = world.nats.folder / "jetstream"
        self._copy = folder / "copy"

    async def take(self) -> None:
        self._world.nats.stop()
        shutil.copytree(self._store, self._copy)
        await self._start()

    async def put_back(self, while_down: Callable[[], None] = lambda: None) -> None:
        self._world.nats.kill()
        shutil.rmtree(self._store)
        shutil.copytree(self._copy, self._store)
        while_down()
        await self._start()

    async def _start(self) -> None:
        await asyncio.to_thread(self._world.nats.start)

        async def back() -> bool:
            return self._world.connection.is_connected

        await until(back)


@pytest.fixture
def copy(world: World, tmp_path: Path) -> Copy:
    return Copy(world, tmp_path)


async def lifted(world: World, times: float) -> None:
    async def done() -> bool:
        under_way = await world.owner.fetchval("SELECT lift_to FROM archive_position WHERE shard = $1", SHARD)
        return metric(LIFTS) == times and under_way is None

    await until(done)


async def say(world: World, *texts: str) -> list[int]:
    """Store comments, once the stream takes any."""
    numbers: list[int] = []
    for text in texts:
        async with asyncio.timeout(30):
            while True:
                try:
                    numbers += await world.say(text)
                    break
                except jetstream.StoreAwayError:
                    await asyncio.sleep(0.02)
    return numbers


async def test_an_older_copy_of_a_stream_is_lifted_above_every_number_and_nothing_archived_changes(
    world: World, copy: Copy
) -> None:
    lifts = metric(LIFTS)
    numbers = await world.say("one", "two")
    await copy.take()
    await world.start()
    numbers += await world.say("three", "four", "five")
    await world.archived(numbers)
    rows = await world.rows()
    await copy.put_back()
    await lifted(world, lifts + 1)
    assert await world.rows() == rows
    after = await say(world, "six")
    assert after[0] > numbers[-1]
    await world.archived(numbers + after)
    assert await world.position() == after[0]
    await until_metric("livecomments_archive_stopped", 0)


async def test_what_took_numbers_of_other_comments_is_set_aside_and_overwrites_nothing(
    world: World, copy: Copy
) -> None:
    lifts, collided = metric(LIFTS), metric(COLLIDED)
    numbers = await world.say("one")
    await copy.take()
    service = await world.start()
    numbers += await world.say("two", "three")
    await world.archived(numbers)
    rows = await world.rows()
    await world.stop(service)
    await copy.put_back()
    again = await world.say("other two", "other three", "new")
    assert again[:2] == numbers[1:]
    await world.start()  # it looks whether the stream is what it was
    await lifted(world, lifts + 1)
    assert (await world.rows())[:3] == rows
    assert metric(COLLIDED) == collided + 2
    stored = await jetstream.api(world.connection, "STREAM.INFO.setaside")
    assert stored["state"]["messages"] == 2
    # What stands above all that was given is a comment like any other.
    assert await world.numbers() == [*numbers, again[2]]
    assert (await say(world, "next"))[0] > again[2]


async def test_what_was_given_again_and_refused_does_not_take_a_number_that_is_known(world: World, copy: Copy) -> None:
    """The lost comments never came to Postgres: nobody can bring them back, and nobody gets their numbers."""
    lifts, lost = metric(LIFTS), metric(LOST)
    numbers = await world.say("one")
    await copy.take()
    given = await world.say("lost", "lost too")
    await copy.put_back()
    again = await world.say("refused")
    assert again[0] == given[0]
    # Whoever refused it has said so before it can be archived.
    await world.owner.execute("SELECT pg_advisory_lock($1, $2)", LOCK_CLASS, SHARD)
    service = await world.start()
    claim, marks = Claim(given[-1], again[0], certain=True), Marks(world.connection, 2)

    async def heard() -> bool:
        await marks.claim(SHARD, claim)  # again and again, as a writer does: it may not be listened to yet
        return service._archivers[SHARD]._check.claim == claim

    await until(heard)
    await world.owner.execute("SELECT pg_advisory_unlock($1, $2)", LOCK_CLASS, SHARD)
    await lifted(world, lifts + 1)
    assert await world.numbers() == numbers
    assert metric(LOST) == lost + 2
    assert (await say(world, "next"))[0] > given[-1]


async def test_everybody_is_asked_how_far_the_numbers_went(world: World, copy: Copy) -> None:
    lifts = metric(LIFTS)
    await world.start()
    far = (await world.say("one"))[0] + 10**9 * 3600  # an hour of clock that goes ahead
    knows = Marks(world.connection, 2)
    await knows.start(follow=False)
    knows.reach(SHARD, far)
    await knows.claim(SHARD, Claim(far - 5))
    await lifted(world, lifts + 1)
    assert (await say(world, "next"))[0] > far


async def test_a_claim_that_comes_after_the_lift_is_about_what_is_over(world: World) -> None:
    lifts = metric(LIFTS)
    await world.start()
    [number] = await world.say("one")
    await world.archived([number])
    marks = Marks(world.connection, 2)
    claim = Claim(number, certain=True)
    await marks.claim(SHARD, claim)
    await lifted(world, lifts + 1)
    await marks.claim(SHARD, claim)
    numbers = await say(world, "two", "three")
    await world.archived([number, *numbers])
    assert numbers[1] == numbers[0] + 1
    assert metric(LIFTS) == lifts + 1


async def test_a_claim_that_the_stream_does_not_bear_out_lifts_nothing(world: World, monkeypatch) -> None:
    lifts = metric(LIFTS)
    service = await world.start()
    numbers = await world.say("one", "two")
    await world.archived(numbers)
    one = service._archivers[SHARD]
    claimed, heard = one.claimed, asyncio.Event()

    def claimed_and_noted(claim: Claim) -> None:
        claimed(claim)
        heard.set()

    monkeypatch.setattr(one, "claimed", claimed_and_noted)
    await Marks(world.connection, 2).claim(SHARD, Claim(numbers[-1]))
    await asyncio.wait_for(heard.wait(), 10)

    async def looked_into() -> bool:
        return not one._check.is_due and one._check.claim is None

    await until(looked_into)
    numbers += await world.say("three")
    await world.archived(numbers)
    assert numbers[2] == numbers[1] + 1
    assert metric(LIFTS) == lifts


async def test_a_stream_that_only_seems_to_end_too_low_for_a_moment_is_not_lifted(world: World, monkeypatch) -> None:
    """As that of a leader that was just elected, and has not caught up with what is committed."""
    lifts = metric(LIFTS)
    service = await world.start()
    numbers = await world.say("one", "two")
    await world.archived(numbers)
    one, late = service._archivers[SHARD], [True, True]
    state = one._reader.state

    async def late_state(shard: int) -> StreamState:
        now = await state(shard)
        return StreamState(now.first, now.last - 1, now.held_bytes) if shard == SHARD and late and late.pop() else now

    monkeypatch.setattr(one._reader, "state", late_state)
    await Marks(world.connection, 2).claim(SHARD, Claim(numbers[-1]))

    async def looked_into() -> bool:
        return not late and not one._check.is_due

    await until(looked_into)
    numbers += await world.say("three")
    await world.archived(numbers)
    assert numbers[2] == numbers[1] + 1
    assert metric(LIFTS) == lifts


async def test_a_connection_that_is_lost_while_the_stream_is_looked_at_has_it_looked_at_again(
    world: World, monkeypatch
) -> None:
    looks: list[int] = []
    agrees = stream_check.agrees

    async def agrees_and_is_lost(archive, reader, through: int) -> bool:
        if archive.shard == SHARD:
            looks.append(through)
            if len(looks) == 1:
                service._archivers[SHARD].reconnected()
        return await agrees(archive, reader, through)

    monkeypatch.setattr(stream_check, "agrees", agrees_and_is_lost)
    service = await world.start()

    async def looked_at_again() -> bool:
        return len(looks) == 2

    await until(looked_at_again)
    await world.archived(await world.say("one"))


class BrokenOffError(Exception):
    """The archiver ends here, as in a crash."""


@pytest.mark.parametrize("step", ["take_subjects_off", "gather", "set aside", "purged", "put_subjects_back"])
async def test_a_lift_that_broke_off_is_ended_by_whoever_comes_next(
    world: World, copy: Copy, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    lifts = metric(LIFTS)
    numbers = await world.say("one")
    await copy.take()
    service = await world.start()
    numbers += await world.say("two", "three")
    await world.archived(numbers)
    await world.stop(service)
    await copy.put_back()
    again = await world.say("other two", "other three", "new")
    broke_off = asyncio.Event()

    def breaks_off(*_: object, **__: object) -> None:
        broke_off.set()
        raise BrokenOffError

    with monkeypatch.context() as broken:
        match step:
            case "take_subjects_off" | "put_subjects_back":
                broken.setattr(lifting, step, breaks_off)
            case "gather":
                broken.setattr(Marks, "gather", breaks_off)
            case "set aside":
                broken.setattr(lifting.Lift, "_collided", breaks_off)
            case "purged":
                purged = lifting.Lift._is_purged

                async def then_breaks_off(self: lifting.Lift, lift_to: int) -> bool:
                    return breaks_off() if await purged(self, lift_to) else False  # type: ignore[func-returns-value]

                broken.setattr(lifting.Lift, "_is_purged", then_breaks_off)
        service = await world.start()
        await asyncio.wait_for(broke_off.wait(), 30)
        await world.stop(service)
    # Whoever provisions the streams meanwhile does not open it before its time.
    await provision(world.connection, world.owner, world.settings, lambda _: None)
    await world.start()
    await lifted(world, lifts + 1)
    after = await say(world, "next")
    await world.archived([*numbers, again[2], *after])
    assert after[0] > again[2]
    assert [row["message"] for row in await world.rows()] == ["one", "two", "three", "new", "next"]


async def test_while_a_shard_is_lifted_nothing_is_stored_in_it(world: World) -> None:
    await take_subjects_off(world.connection, SHARD)
    with pytest.raises(jetstream.StoreAwayError):
        await world.say("one")
    await put_subjects_back(world.connection, SHARD)
    await world.say("one")


async def test_two_archivers_lift_a_shard_once(world: World, copy: Copy) -> None:
    lifts = metric(LIFTS)
    numbers = await world.say("one")
    await copy.take()
    await world.start()
    await world.start()
    numbers += await world.say("two")
    await world.archived(numbers)
    await copy.put_back()
    await lifted(world, lifts + 1)
    numbers += await say(world, "three")
    await world.archived(numbers)
    assert metric(LIFTS) == lifts + 1


async def test_a_system_that_is_started_on_an_older_copy_takes_nothing_before_it_is_lifted(
    world: World, copy: Copy
) -> None:
    lifts = metric(LIFTS)
    numbers = await world.say("one")
    await copy.take()
    service = await world.start()
    numbers += await world.say("two")
    await world.archived(numbers)
    await world.stop(service)
    await copy.put_back()
    await provision(world.connection, world.owner, world.settings, lambda _: None)
    with pytest.raises(jetstream.StoreAwayError):
        await world.say("too early")
    await world.start()
    await lifted(world, lifts + 1)
    numbers += await say(world, "three")
    await world.archived(numbers)
    assert numbers == sorted(set(numbers))


async def test_what_a_replica_that_lags_has_not_seen_is_not_purged_unread(world: World, monkeypatch) -> None:
    """Direct Get is answered by any replica, also by one that does not have the newest messages yet."""
    lifts = metric(LIFTS)
    numbers = await world.say("one", "two", "three")
    await world.owner.execute("SELECT pg_advisory_lock($1, $2)", LOCK_CLASS, SHARD)
    service = await world.start()
    one, lagging = service._archivers[SHARD], [True] * 3
    after = one._reader.after

    async def lagged(shard: int, video: str, number: int, limit: int) -> tuple[list[jetstream.Stored], int]:
        messages, more = await after(shard, video, number, limit)
        if shard == SHARD and lagging and any(message.number > numbers[0] for message in messages):
            lagging.pop()
            return [message for message in messages if message.number <= numbers[0]], 0
        return messages, more

    monkeypatch.setattr(one._reader, "after", lagged)
    marks = Marks(world.connection, 2)

    async def heard() -> bool:
        await marks.claim(SHARD, Claim(numbers[-1], certain=True))
        return one._check.claim is not None

    await until(heard)
    await world.owner.execute("SELECT pg_advisory_unlock($1, $2)", LOCK_CLASS, SHARD)
    await lifted(world, lifts + 1)
    assert not lagging
    await world.archived(numbers)


async def test_what_is_stored_because_somebody_opened_the_stream_too_early_is_not_purged_unread(
    world: World, monkeypatch
) -> None:
    """Whoever provisions the streams may have looked just before the lift began."""
    lifts = metric(LIFTS)
    await world.start()
    numbers = await world.say("one", "two")
    await world.archived(numbers)
    late: list[int] = []
    aside, marks = lifting.Lift._set_collided_aside, Marks(world.connection, 2)

    async def while_it_is_open(self: lifting.Lift, *arguments: object) -> None:
        await aside(self, *arguments)
        if not late:
            await put_subjects_back(world.connection, SHARD)
            late.extend(await world.say("late"))

    monkeypatch.setattr(lifting.Lift, "_set_collided_aside", while_it_is_open)

    async def found_short() -> bool:
        await marks.claim(SHARD, Claim(numbers[-1], certain=True))
        return metric(LIFTS) > lifts

    await until(found_short)
    await lifted(world, lifts + 1)
    after = await say(world, "next")
    await world.archived(numbers + late + after)
