"""The newest page is still answered while Postgres is away."""

from __future__ import annotations

import asyncio
import time

import asyncpg
import pytest
from nats.aio.client import Client

from history.shared_reads import SharedReads
from runtime.jetstream import Outgoing, Publisher
from tests.history.conftest import SHARDS, Archived, Reader
from tests.servers import Database
from wire import subjects
from wire.comment import encode_payload
from wire.control import Actor, encode_control
from wire.headers import message_id
from wire.video import shard_of


class Store:
    """Stores comments as a writer does, and in Postgres too where it is told to, as the archiver does."""

    def __init__(self, connection: Client, archived: Archived) -> None:
        self._publisher = Publisher(connection)
        self._archived = archived

    async def say(self, video: str, text: str, *, archived: bool = False, user: str = "ann") -> int:
        subject = subjects.comments(shard_of(video, SHARDS), video)
        outgoing = Outgoing(subject, encode_payload(user, text), message_id(video, user, None))
        number = (await self._publisher.one(outgoing)).number
        if archived:
            await self._archived.add(video, number, message=text, posted_ms=1, user_id=user)
        return number

    async def control(self, video: str, kind: str, **what: object) -> int:
        subject = subjects.comments(shard_of(video, SHARDS), video)
        payload = encode_control(Actor("mod", "moderator"), what)
        return (await self._publisher.one(Outgoing(subject, payload, message_id(video, "mod", None), kind))).number


@pytest.fixture
def store(connection: Client, archived: Archived, streams: None) -> Store:
    return Store(connection, archived)


@pytest.fixture
async def away(postgres: Database, archived: Archived, reader: Reader):
    """Takes Postgres away when it is called; it comes back with the end of the test."""
    yield postgres.server.kill
    postgres.server.start()
    archived.connection.terminate()
    archived.connection = await asyncpg.connect(postgres.dsn)
    give_up = time.monotonic() + 10
    while (await reader.get("/comments/any?sort=asc")).status != 200:
        assert time.monotonic() < give_up, "it does not come back"


async def test_what_jetstream_holds_is_answered(reader: Reader, archived: Archived, store: Store, away) -> None:
    video, crowd = archived.new_video(), archived.new_video()
    numbers = []
    for n in range(30):
        numbers.append(await store.say(video, f"text {n}", archived=n < 20))
        for _ in range(n % 3):
            await store.say(crowd, "elsewhere")
    away()
    page = await reader.page(video, "?limit=25")
    assert [int(one["id"]) for one in page["comments"]] == numbers[:4:-1]
    assert [one["message"] for one in page["comments"]] == [f"text {n}" for n in range(29, 4, -1)]
    assert page["nextCursor"] == str(numbers[5])


async def test_what_was_read_before_is_remembered_below_what_came_since(
    reader: Reader, archived: Archived, store: Store, away
) -> None:
    video = archived.new_video()
    old = [await archived.add(video, n) for n in range(1, 6)]  # JetStream does not keep them any more
    new = [await store.say(video, "archived", archived=True)]
    before = await reader.page(video)
    new.append(await store.say(video, "not archived"))
    away()
    page = await reader.page(video)
    assert [int(one["id"]) for one in page["comments"]] == [*reversed(old + new)]
    assert page["comments"][1:] == before["comments"]
    assert page["nextCursor"] is None


async def test_what_moderators_removed_is_not_on_it_however_many_messages_that_took(
    reader: Reader, archived: Archived, store: Store, away
) -> None:
    video = archived.new_video()
    first = await store.say(video, "kept", archived=True)
    one, two = [await store.say(video, "secret", user=user, archived=True) for user in ("eve", "ben")]
    await reader.page(video)  # is remembered
    late = await store.say(video, "secret", user="eve")
    await store.control(video, "ban", userId="eve", untilMs=None, comments=True)
    await store.control(video, "delete", commentId=str(two), userId="ben", timestamp=1)
    for _ in range(60):
        await store.control(video, "state", paused=True)
    away()
    page = await reader.page(video)
    assert [(int(comment["id"]), comment.get("deleted")) for comment in page["comments"]] == [
        *((number, True) for number in (late, two, one)),
        (first, None),
    ]


async def test_of_a_video_of_which_nobody_here_knows_anything_it_is_not_said_that_it_is_empty(
    reader: Reader, archived: Archived, away
) -> None:
    video, looked_at = archived.new_video(), archived.new_video()
    assert (await reader.page(looked_at))["comments"] == []
    away()
    assert (await reader.get(f"/comments/{video}")).code == "unavailable"
    assert (await reader.page(looked_at))["comments"] == []


async def test_what_is_archived_before_a_page_is_asked_for_is_on_it(reader: Reader, archived: Archived) -> None:
    """A 201 says that a GET shows it, however many others ask for the same page meanwhile."""
    video = archived.new_video()
    others = [asyncio.create_task(ask_for_ever(reader, video)) for _ in range(8)]
    try:
        for n in range(1, 60):
            number = await archived.add(video, n)
            assert (await reader.ids(video))[0] == number
    finally:
        for other in others:
            other.cancel()
        await asyncio.wait(others)


async def ask_for_ever(reader: Reader, video: str) -> None:
    while True:
        await reader.page(video)


async def test_those_who_ask_for_the_same_share_a_read_that_begins_after_they_asked() -> None:
    begun: list[asyncio.Future[int]] = []

    async def read() -> int:
        begun.append(asyncio.get_running_loop().create_future())
        return await begun[-1]

    reads: SharedReads[int] = SharedReads(lambda _: 1)
    first = asyncio.create_task(reads.get("page", read, settled=False))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    later = [asyncio.create_task(reads.get("page", read, settled=False)) for _ in range(100)]
    await asyncio.sleep(0)
    assert len(begun) == 1
    begun[0].set_result(1)
    assert await first == 1
    while len(begun) == 1:  # noqa: ASYNC110  there is no event to wait for
        await asyncio.sleep(0)
    later[0].cancel()  # a client that leaves
    begun[1].set_result(2)
    assert await asyncio.gather(*later[1:]) == [2] * 99
    assert len(begun) == 2


async def test_one_who_asks_in_the_moment_in_which_a_read_ends_gets_one_of_its_own() -> None:
    reads: SharedReads[int] = SharedReads(lambda _: 1)
    ends = asyncio.Event()

    async def old() -> int:
        await ends.wait()
        return 1

    async def new() -> int:
        await asyncio.sleep(0)
        return 2

    async def ask_when_it_ends() -> int:
        await ends.wait()
        return await reads.get("page", new, settled=False)

    first = asyncio.create_task(reads.get("page", old, settled=False))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    second = asyncio.create_task(ask_when_it_ends())
    await asyncio.sleep(0)
    ends.set()
    assert await asyncio.gather(first, second) == [1, 2]
    assert await asyncio.gather(*(reads.get("page", new, settled=False) for _ in range(3))) == [2, 2, 2]


async def test_a_read_that_fails_fails_those_who_waited_for_it_and_nobody_later() -> None:
    reads: SharedReads[int] = SharedReads(lambda _: 1)

    async def fails() -> int:
        raise ValueError("away")

    async def works() -> int:
        return 1

    with pytest.raises(ValueError, match="away"):
        await reads.get("page", fails, settled=True)
    assert await reads.get("page", works, settled=True) == 1
    assert await reads.get("page", fails, settled=True) == 1
