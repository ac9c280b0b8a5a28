"""Control messages in the archive: texts overwritten, tombstones, the log, and what a writer that died left undone."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import orjson
import pytest
from prometheus_client import REGISTRY

from runtime import jetstream
from runtime.jetstream import Outgoing, StoreError
from tests.archive.conftest import SHARD, SHARDS, VIDEO, World, metric, until
from wire import subjects
from wire.control import Actor, encode_control
from wire.headers import own_id
from wire.video_state import Removal, VideoState, decode_state
from writer.archiving import archive, control_duties


async def control(world: World, kind: str, *, reason: str | None = None, **what: object) -> int:
    payload = encode_control(Actor("mod", "moderator", reason), dict(what))
    return await world.store(payload, kind=kind)


async def archived_through(world: World, number: int) -> None:
    async def there() -> bool:
        return await world.position() >= number

    await until(there)


async def delete(world: World, number: int) -> int:
    return await control(world, "delete", commentId=str(number), userId="ann", timestamp=1_700_000_000_000)


async def rows(world: World) -> dict[int, asyncpg.Record]:
    found = await world.owner.fetch("SELECT * FROM comments WHERE shard = $1 AND kind = 'comment'", SHARD)
    return {row["comment_id"]: row for row in found}


async def test_a_removed_text_is_overwritten_and_taken_off_the_stream(world: World):
    await world.start()
    [number] = await world.say("secret", name="Ann", role="host")
    await world.archived([number])
    by = await delete(world, number)
    await archived_through(world, by)
    row = (await rows(world))[number]
    assert (row["message"], row["name"], row["role"], row["deleted_by"]) == ("", None, None, by)
    assert await jetstream.kept(world.connection, subjects.stream_name(SHARD), {"seq": number}) is None


async def test_a_comment_that_is_removed_before_it_is_archived_leaves_its_tombstone(world: World):
    lost = metric("livecomments_archive_lost_numbers_total")
    one, two = await world.say("one", "two")
    await jetstream.erase(world.connection, SHARD, one)  # as a writer does at once
    by_one, by_two = await delete(world, one), await delete(world, two)
    [three] = await world.say("three")
    await world.start()
    await archived_through(world, three)
    found = await rows(world)
    assert [(found[n]["message"], found[n]["deleted_by"]) for n in (one, two)] == [("", by_one), ("", by_two)]
    assert found[one]["posted_ms"] == 1_700_000_000_000
    assert found[three]["message"] == "three"
    assert metric("livecomments_archive_lost_numbers_total") == lost


async def test_a_delete_that_came_long_after_its_hole_still_leaves_a_tombstone(world: World):
    one, two = await world.say("one", "two")
    await jetstream.erase(world.connection, SHARD, one)
    service = await world.start()
    await archived_through(world, two)
    assert one not in await rows(world)
    by = await delete(world, one)
    await archived_through(world, by)
    assert (await rows(world))[one]["deleted_by"] == by
    await world.stop(service)


async def test_who_did_what_is_noted(world: World):
    await world.start()
    ban = await control(world, "ban", reason="spam", userId="eve", untilMs=None, comments=False)
    await archived_through(world, ban)
    [row] = await world.owner.fetch("SELECT * FROM moderation_log")
    assert (row["video_id"], row["control_id"], row["kind"]) == (VIDEO, ban, "ban")
    assert (row["actor"], row["role"], row["reason"]) == ("mod", "moderator", "spam")
    assert orjson.loads(row["detail"])["userId"] == "eve"


async def test_all_comments_of_a_banned_user_are_overwritten_in_steps(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(archive, "REMOVAL_STEP", 3)
    await world.start()
    theirs = [await world.store(b'{"userId":"eve","message":"secret"}') for _ in range(10)]
    ours = await world.say("kept", "kept")
    ban = await control(world, "ban", userId="eve", untilMs=None, comments=True)
    later = await world.store(b'{"userId":"eve","message":"after"}')
    await archived_through(world, later)

    async def done() -> bool:
        return not await world.owner.fetch("SELECT FROM removals")

    await until(done)
    found = await rows(world)
    assert [found[n]["deleted_by"] for n in theirs] == [ban] * 10
    assert {found[n]["message"] for n in theirs} == {""}
    assert [found[n]["message"] for n in ours] == ["kept", "kept"]
    assert found[later]["message"] == "after"
    left, _ = await world.reader.after(SHARD, VIDEO, 0, 100)
    assert [message.number for message in left] == [*ours, ban, later]


async def test_a_state_that_a_writer_did_not_live_to_keep_is_kept(world: World):
    await world.start()
    ban = await control(world, "ban", userId="eve", untilMs=None, comments=False)
    await archived_through(world, ban)
    subject = subjects.video_state(SHARD, VIDEO)
    kept = await jetstream.kept(world.connection, subjects.VIDEO_STATES_STREAM, {"last_by_subj": subject})
    assert kept is not None
    assert decode_state(kept.payload).bans["eve"].number == ban


async def test_a_postgres_that_was_set_back_catches_up_without_the_removed_texts(world: World):
    service = await world.start()
    [number] = await world.say("secret")
    by = await delete(world, number)
    await archived_through(world, by)
    await world.stop(service)
    await world.owner.execute("UPDATE archive_position SET through = $2 WHERE shard = $1", SHARD, number - 1)
    await world.owner.execute("DELETE FROM comments; DELETE FROM moderation_log")
    await world.start()
    await archived_through(world, by)
    assert [(row["message"], row["deleted_by"]) for row in (await rows(world)).values()] == [("", by)]
    assert len(await world.owner.fetch("SELECT FROM moderation_log")) == 1


async def test_a_control_message_that_makes_no_sense_is_set_aside(world: World):
    await world.start()
    await world.store(b'{"by":"mod","commentId":"x"}', kind="delete")
    [after] = await world.say("after")
    await archived_through(world, after)
    assert list(await rows(world)) == [after]
    assert not await world.owner.fetch("SELECT FROM moderation_log")


async def test_a_control_message_that_lacks_something_holds_up_nothing(world: World):
    await world.start()
    await world.store(b'{"by":"mod","userId":"eve","comments":false}', kind="ban")
    await world.store(b'{"by":"mod","userId":"eve","comments":false,"untilMs":null,"reason":{}}', kind="ban")
    [after] = await world.say("after")
    await archived_through(world, after)
    assert list(await rows(world)) == [after]


async def test_a_kept_state_of_wrong_types_holds_up_nothing(world: World):
    undone = metric("livecomments_archive_undone_total")
    document = (
        b'{"v":1,"number":1,"settings":{},"bans":{"eve":["x",null,1,"mod","host"]},"removed":{},"removedUsers":{}}'
    )
    await world.publisher.one(Outgoing(subjects.video_state(SHARD, VIDEO), document, own_id()))
    await world.start()
    await control(world, "ban", userId="eve", untilMs=None, comments=False)
    [after] = await world.say("after")
    await archived_through(world, after)
    assert list(await rows(world)) == [after]
    assert metric("livecomments_archive_undone_total") == undone + 1


async def test_a_long_removal_holds_up_no_comments_and_goes_on_after_a_restart(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    erase = jetstream.erase

    async def slowly(*of: Any) -> None:
        await asyncio.sleep(0.1)
        await erase(*of)

    monkeypatch.setattr(jetstream, "erase", slowly)
    monkeypatch.setattr(control_duties, "ERASE_STEP", 2)
    service = await world.start()
    theirs = [await world.store(b'{"userId":"eve","message":"secret"}') for _ in range(40)]
    ban = await control(world, "ban", userId="eve", untilMs=None, comments=True)

    async def under_way() -> bool:
        return bool(await world.owner.fetch("SELECT FROM removals WHERE reached > 0"))

    await until(under_way)
    [after] = await world.say("after")
    await archived_through(world, after)
    assert await under_way()
    await world.stop(service)
    assert await under_way()
    monkeypatch.setattr(jetstream, "erase", erase)
    await world.start()

    async def done() -> bool:
        return not await world.owner.fetch("SELECT FROM removals")

    await until(done)
    found = await rows(world)
    assert [found[number]["deleted_by"] for number in theirs] == [ban] * len(theirs)
    left, _ = await world.reader.after(SHARD, VIDEO, 0, 100)
    assert [message.number for message in left] == [ban, after]


async def test_a_text_that_jetstream_refuses_to_let_go_is_tried_again(world: World, monkeypatch: pytest.MonkeyPatch):
    async def refuse(*_: Any) -> None:
        raise StoreError("refused")

    one, two = await world.say("secret", "kept")
    theirs = await world.store(b'{"userId":"eve","message":"secret"}')
    with monkeypatch.context() as broken:
        broken.setattr(jetstream, "erase", refuse)
        service = await world.start()
        await delete(world, one)
        last = await control(world, "ban", userId="eve", untilMs=None, comments=True)
        await archived_through(world, last)

        async def noted() -> bool:
            found = await world.owner.fetch("SELECT comment_id FROM erasures ORDER BY comment_id")
            return [row["comment_id"] for row in found] == [one, theirs]

        await until(noted)
        await world.stop(service)
    await world.start()

    async def nothing_left() -> bool:
        return not await world.owner.fetch("SELECT FROM erasures")

    await until(nothing_left)
    left, _ = await world.reader.after(SHARD, VIDEO, 0, 100)
    assert [message.number for message in left if message.kind is None] == [two]


async def test_a_message_that_is_gone_is_well_and_one_that_must_stay_is_not(world: World):
    number, *_ = await world.say("one", "two")
    await jetstream.erase(world.connection, SHARD, number)
    for gone in (number, number - 1, number + 1_000):
        await jetstream.erase(world.connection, SHARD, gone)
    name = subjects.stream_name(SHARDS)
    config = {"name": name, "subjects": ["kept"], "deny_delete": True, "num_replicas": 1}
    await jetstream.api(world.connection, f"STREAM.CREATE.{name}", config)
    kept = (await world.publisher.one(Outgoing("kept", b"", own_id()))).number
    with pytest.raises(StoreError):
        await jetstream.erase(world.connection, SHARDS, kept)


async def test_how_full_the_streams_of_moderation_are_is_told(world: World):
    for n in range(20):
        states = VideoState(n + 1, removed={number: Removal(number, 2**50) for number in range(1_000)})
        await world.publisher.one(Outgoing(subjects.video_state(0, f"v{n}"), states.encode(), own_id()))
    await world.start()

    async def told() -> bool:
        return (REGISTRY.get_sample_value("livecomments_moderation_filled", {"stream": "moderation"}) or 0) > 0.001

    await until(told)
    assert REGISTRY.get_sample_value("livecomments_moderation_filled", {"stream": "revocations"}) == 0
