"""`livecomments streams`, also as `up` runs it, while JetStream elects a leader: it waits, and does not guess."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import asyncpg
import pytest

from runtime import jetstream, streams
from runtime.jetstream import StoreAwayError, StoreError
from runtime.streams import LOCK_CLASS, provision, take_subjects_off
from tests.archive.conftest import SHARD, World
from tests.archive.test_outages import holders
from wire import subjects

Fault = Callable[[str], dict[str, Any]]
Failing = Callable[..., list[str]]

NAME = subjects.stream_name(SHARD)


def no_leader(_: str) -> dict[str, Any]:
    """What a server says that knows of no leader, as nats-server words it."""
    return {"error": {"code": 503, "err_code": 10008, "description": "JetStream system temporarily unavailable"}}


def broken(_: str) -> dict[str, Any]:
    return {"error": {"code": 500, "err_code": 10025, "description": "unexpected end of file"}}


def silence(call: str) -> dict[str, Any]:
    raise StoreAwayError(f"TimeoutError on {call}")


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Failing:
    """`failing(fault, kinds)`: from now on the first request to each stream of these kinds fails. Returns those."""
    asks = jetstream.api
    monkeypatch.setattr(streams, "_ASK_AGAIN_S", 0.01)

    def fail(fault: Fault, kinds: tuple[str, ...] = ("INFO", "CREATE", "UPDATE")) -> list[str]:
        failed: list[str] = []

        async def api(connection: Any, call: str, wanted: dict[str, Any] | None = None) -> dict[str, Any]:
            if call not in failed and call.split(".")[1] in kinds:
                failed.append(call)
                return fault(call)
            return await asks(connection, call, wanted)

        monkeypatch.setattr(jetstream, "api", api)
        return failed

    return fail


async def provisioned(world: World, **changed: Any) -> dict[str, Any]:
    """Provision the streams, and return what JetStream says of the shard's."""
    await provision(world.connection, world.owner, world.settings.model_copy(update=changed), lambda _: None)
    return await jetstream.api(world.connection, f"STREAM.INFO.{NAME}")


async def test_a_shard_that_is_lifted_is_let_be_though_its_stream_did_not_answer_at_first(
    world: World, failing: Failing
) -> None:
    await take_subjects_off(world.connection, SHARD)
    await world.owner.execute("UPDATE archive_position SET lift_to = through + 1 WHERE shard = $1", SHARD)
    for fault in (no_leader, silence):
        failed = failing(fault)
        assert (await provisioned(world))["config"]["subjects"] == [subjects.lifting(SHARD)]
        assert f"STREAM.INFO.{NAME}" in failed
    failing(broken, ("INFO",))  # and whoever took that for no stream would have its way
    with pytest.raises(StoreError, match="unexpected end of file"):
        await provisioned(world)
    answer = await jetstream.api(world.connection, f"STREAM.INFO.{NAME}")
    assert answer["config"]["subjects"] == [subjects.lifting(SHARD)]


@pytest.mark.parametrize("fault", [no_leader, silence])
async def test_an_older_copy_takes_nothing_more_though_there_was_no_answer_at_first(
    world: World, failing: Failing, fault: Fault
) -> None:
    through = await world.move_position(by=5)
    failed = failing(fault)
    assert (await provisioned(world))["config"]["subjects"] == [subjects.lifting(SHARD)]
    assert {f"STREAM.INFO.{NAME}", f"STREAM.UPDATE.{NAME}"} <= set(failed)
    assert await lift_to(world) == through + 1


async def test_what_a_run_that_broke_off_has_left_of_an_older_copy_is_done_by_the_next(
    world: World, failing: Failing
) -> None:
    """Its lift is written down, and it takes comments still: their numbers were given before."""
    through = await world.move_position(by=5)
    failing(broken, ("UPDATE",))
    with pytest.raises(StoreError, match="unexpected end of file"):
        await provisioned(world)
    assert await lift_to(world) == through + 1
    assert (await provisioned(world))["config"]["subjects"] == [subjects.lifting(SHARD)]


async def test_an_older_copy_is_touched_by_nobody_but_the_one_who_holds_the_shards_lock(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archiver that has it may just have lifted the shard, and would not put the subjects back once more."""
    await world.move_position(by=5)
    archiver = await asyncpg.connect(world.database.dsn)
    try:
        await archiver.execute("SELECT pg_advisory_lock($1, $2)", LOCK_CLASS, SHARD)
        with monkeypatch.context() as short:
            short.setattr(streams, "LIFT_WAIT_S", 0)
            with pytest.raises(StoreAwayError, match="older copy"):
                await provisioned(world)
        answer = await jetstream.api(world.connection, f"STREAM.INFO.{NAME}")
        assert answer["config"]["subjects"] == [subjects.comments(SHARD, "*")]
        assert await lift_to(world) is None
    finally:
        await archiver.close()
    assert (await provisioned(world))["config"]["subjects"] == [subjects.lifting(SHARD)]
    assert await holders(world) == 0


async def lift_to(world: World) -> int | None:
    return await world.owner.fetchval("SELECT lift_to FROM archive_position WHERE shard = $1", SHARD)


async def test_a_stream_is_made_and_changed_though_there_was_no_answer_at_first(world: World, failing: Failing) -> None:
    answer = await jetstream.api(world.connection, f"STREAM.DELETE.{subjects.SET_ASIDE_STREAM}")
    assert answer["success"]
    for fault, size in ((no_leader, 10_000_000), (silence, 20_000_000)):
        failed = failing(fault)
        assert (await provisioned(world, stream_bytes=size))["config"]["max_bytes"] == size
        assert f"STREAM.UPDATE.{NAME}" in failed
        if fault is no_leader:
            assert f"STREAM.CREATE.{subjects.SET_ASIDE_STREAM}" in failed


async def test_a_jetstream_that_says_later_for_too_long_is_told_with_what_it_says(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def api(*_: object) -> dict[str, Any]:
        return no_leader("")

    monkeypatch.setattr(jetstream, "api", api)
    monkeypatch.setattr(streams, "START_WAIT_S", 0.1)
    with pytest.raises(StoreAwayError, match="temporarily unavailable"):
        await provisioned(world)
