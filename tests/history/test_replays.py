"""The deep end of a replay, over NATS."""

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from nats.aio.client import Client

from history.replays import MAX_REPLY_BYTES, MAX_ROWS, parse_replay_request, reply_body
from tests.history.conftest import BASE, BLOCK, SHARDS, Archived
from tests.servers import Database, Part
from wire import subjects
from wire.number import MAX_NUMBER
from wire.video import shard_of

pytestmark = pytest.mark.usefixtures("history")


async def ask(connection: Client, video: str, *, shard: int | None = None, **wanted: Any) -> dict[str, Any]:
    asked = {"video": video, "after": 0, "upto": MAX_NUMBER, "limit": 1000, **wanted}
    subject = subjects.history(shard_of(video, SHARDS) if shard is None else shard)
    return orjson.loads((await connection.request(subject, orjson.dumps(asked), timeout=5)).data)


async def numbers(connection: Client, video: str, **wanted: Any) -> list[int]:
    return [row[0] for row in (await ask(connection, video, **wanted))["comments"]]


async def test_the_newest_between_two_numbers_come_oldest_first(connection: Client, archived: Archived) -> None:
    video = archived.new_video()
    stored = [await archived.add(video, BASE + position * (BLOCK // 4)) for position in range(10)]
    assert await numbers(connection, video) == stored
    assert await numbers(connection, video, after=stored[2], upto=stored[6]) == stored[3:7]
    answer = await ask(connection, video, after=stored[2], upto=stored[6], limit=2)
    assert ([row[0] for row in answer["comments"]], answer["more"]) == (stored[5:7], True)
    answer = await ask(connection, video, after=stored[4], upto=stored[6], limit=2)
    assert ([row[0] for row in answer["comments"]], answer["more"]) == (stored[5:7], False)
    assert await numbers(connection, video, limit=1) == stored[-1:]
    assert await numbers(connection, video, after=stored[6], upto=stored[6]) == []


async def test_it_says_how_far_the_shard_was_archived(connection: Client, archived: Archived) -> None:
    video = archived.new_video()
    for through in (BASE + 5, BASE + 9):
        await archived.through(shard_of(video, SHARDS), through)
        assert await ask(connection, video) == {"through": through, "more": False, "comments": []}
    await archived.add(video, BASE + 7)
    answer = await ask(connection, video)
    assert answer["through"] == BASE + 9


async def test_a_message_has_all_its_columns_a_deleted_comment_no_text_and_a_control_message_what_it_says(
    connection: Client, archived: Archived
) -> None:
    video = archived.new_video()
    await archived.add(video, BASE + 1, message="hi", name="Ann", role="host", posted_ms=7)
    await archived.add(video, BASE + 2, message="secret", name="Bob", deleted_by=BASE + 3, posted_ms=8)
    await archived.add(video, BASE + 3, kind="delete", user_id=None, message=None, detail="{}", posted_ms=9)
    answer = await ask(connection, video)
    assert answer["deletedBy"] == {str(BASE + 2): BASE + 3}
    assert answer["comments"] == [
        [BASE + 1, 7, "comment", "ann", "hi", "Ann", "host"],
        [BASE + 2, 8, "comment", None, None, None, None],
        [BASE + 3, 9, "delete", None, "{}", None, None],
    ]


@pytest.mark.parametrize(
    "asked",
    [
        b"",
        b"not json",
        b"[]",
        b"null",
        b'"text"',
        b"{}",
        orjson.dumps({"video": "a.b", "after": 0, "upto": 1, "limit": 1}),
        orjson.dumps({"video": 5, "after": 0, "upto": 1, "limit": 1}),
        orjson.dumps({"video": "demo", "after": -1, "upto": 1, "limit": 1}),
        orjson.dumps({"video": "demo", "after": 0, "upto": 2**53, "limit": 1}),
        orjson.dumps({"video": "demo", "after": 0, "upto": 1, "limit": 0}),
        orjson.dumps({"video": "demo", "after": True, "upto": 1, "limit": 1}),
        orjson.dumps({"video": "demo", "after": "0", "upto": 1, "limit": 1}),
    ],
)
async def test_a_request_that_makes_no_sense_is_told_so(connection: Client, asked: bytes) -> None:
    subject = subjects.history(shard_of("demo", SHARDS))
    reply = await connection.request(subject, asked, timeout=5)
    assert orjson.loads(reply.data) == {"error": "bad_request"}


async def test_a_video_is_not_looked_for_in_another_shard(connection: Client) -> None:
    assert await ask(connection, "demo", shard=1 - shard_of("demo", SHARDS)) == {"error": "bad_request"}


async def test_one_history_of_several_answers(
    connection: Client, archived: Archived, start_history: Callable[..., Part]
) -> None:
    start_history()
    video = archived.new_video()
    await archived.add(video, BASE + 1)
    inbox = connection.new_inbox()
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def hear(message: Any) -> None:
        heard.put_nowait(message.data)

    await connection.subscribe(inbox, cb=hear)
    asked = orjson.dumps({"video": video, "after": 0, "upto": MAX_NUMBER, "limit": 1})
    for _ in range(20):
        await connection.publish(subjects.history(shard_of(video, SHARDS)), asked, reply=inbox)
    for _ in range(20):
        await asyncio.wait_for(heard.get(), 5)
    assert await ask(connection, video)
    assert heard.empty()


async def test_many_edges_at_once_all_get_an_answer(connection: Client, archived: Archived) -> None:
    video = archived.new_video()
    stored = [await archived.add(video, BASE + position) for position in range(50)]
    answers = await asyncio.gather(*(ask(connection, video) for _ in range(60)))
    assert all([row[0] for row in answer["comments"]] == stored for answer in answers)


async def test_while_postgres_is_away_an_edge_hears_so_at_once(connection: Client, postgres: Database) -> None:
    postgres.server.kill()
    try:
        async with asyncio.timeout(3):
            assert await ask(connection, "demo") == {"error": "unavailable"}
    finally:
        postgres.server.start()


def row(number: int, message: str = "m") -> dict[str, Any]:
    columns = {"posted_ms": 1, "kind": "comment", "user_id": "u", "message": message, "name": None, "role": None}
    return {"through": 99, "comment_id": number, "removed_by": None, **columns}


def test_a_reply_that_grows_too_large_keeps_the_newest_that_fit() -> None:
    rows = [row(number, "é" * 10_000) for number in range(100, 0, -1)]
    body = reply_body(rows, 1000)
    answer = orjson.loads(body)
    assert len(body) < MAX_REPLY_BYTES + 100
    assert answer["more"] is True
    kept = [one[0] for one in answer["comments"]]
    assert kept == list(range(100 - len(kept) + 1, 101))
    assert len(kept) > 30


def test_a_limit_beyond_a_replys_is_cut() -> None:
    asked = orjson.dumps({"video": "demo", "after": 0, "upto": 5, "limit": 10**9})
    assert parse_replay_request(asked, shard_of("demo", SHARDS), SHARDS).limit == MAX_ROWS
