"""Moderation in history: tombstones at once, what moderators may read, and who may read nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from nats.aio.client import Client

from runtime.revocations import Revocation, Revocations
from runtime.tokens import Tokens
from runtime.video_states import VideoStates
from tests.history.conftest import BASE, SHARDS, Archived, Reader, until_ready
from tests.proxy import NatsProxy
from tests.servers import Part, PostgresServer
from wire.control import Control
from wire.video import shard_of
from wire.video_state import state_of

KNOWN_WITHIN_S = 5
RECONNECTED_WITHIN_S = 30


@pytest.fixture
def states(connection: Client) -> VideoStates:
    return VideoStates(connection, SHARDS)


def control(number: int, kind: str, **detail: Any) -> Control:
    return Control(number, int(time.time() * 1000), kind, {"by": "mod", "role": "moderator", **detail})


def delete(number: int, comment: int) -> Control:
    return control(number, "delete", commentId=str(comment), timestamp=1)


def ban(number: int, user: str, *, until_ms: int | None = None, comments: bool = False) -> Control:
    return control(number, "ban", userId=user, untilMs=until_ms, comments=comments)


@pytest.fixture
def as_moderator(reader: Reader, tokens: Tokens) -> Callable[[str], dict[str, str]]:
    def headers(video: str, user: str = "mod", role: str = "moderator") -> dict[str, str]:
        return {"Authorization": f"Bearer {tokens.issue(user, 600, role=role, videos=[video])}"}

    return headers


@pytest.fixture
async def ready(reader: Reader) -> None:
    """History has reached NATS, over which it hears of states."""
    await until_ready(reader.session, reader.url)

    async def reached() -> bool:
        return (await reader.get("/videos/any")).status == 200

    await eventually(reached)


async def eventually(condition: Callable[[], Any], within_s: float = KNOWN_WITHIN_S) -> None:
    async with asyncio.timeout(within_s):
        while not await condition():  # noqa: ASYNC110  only asking tells
            await asyncio.sleep(0.01)


async def test_a_removal_that_is_not_archived_yet_is_a_tombstone_on_every_page(
    reader: Reader, archived: Archived, states: VideoStates, ready: None
):
    video = archived.new_video()
    numbers = [await archived.add(video, BASE + n) for n in range(1, 4)]
    before = await reader.get(f"/comments/{video}")
    behind = f"?cursor={numbers[2]}"
    assert len(await reader.ids(video, behind)) == 2
    await states.add(video, state_of(delete(BASE + 10, numbers[0])))
    tombstone = {"id": str(numbers[0]), "timestamp": 1, "deleted": True}

    async def gone() -> bool:
        return (await reader.page(video))["comments"][-1] == tombstone

    await eventually(gone)
    for query in ("", behind, "?sort=asc", "?at=1&sort=asc"):
        answer = await reader.get(f"/comments/{video}{query}")
        assert tombstone in answer.json()["comments"]
        assert f"text {numbers[0]}".encode() not in answer.body
    assert (await reader.get(f"/comments/{video}")).headers["ETag"] != before.headers["ETag"]


async def test_a_removed_page_is_not_given_again_by_one_that_remembers_it(
    reader: Reader, archived: Archived, states: VideoStates, ready: None
):
    video = archived.new_video()
    first, second = [await archived.add(video, BASE + n) for n in (1, 2)]
    await archived.through(shard_of(video, SHARDS), BASE + 1_000)
    query = f"?cursor={second}"
    await reader.ids(video, query)  # remembered for a second
    await states.add(video, state_of(delete(BASE + 10, first)))
    await asyncio.sleep(0.1)
    assert (await reader.page(video, query))["comments"][0].get("deleted") is True


async def test_comments_of_a_user_that_are_being_removed_are_tombstones_from_the_beginning(
    reader: Reader, archived: Archived
):
    video = archived.new_video()
    theirs = await archived.add(video, BASE + 1, user_id="eve")
    ours = await archived.add(video, BASE + 2)
    later = await archived.add(video, BASE + 9, user_id="eve")
    await archived.connection.execute(
        "INSERT INTO removals (shard, video_id, user_id, upto) VALUES ($1, $2, 'eve', $3)",
        shard_of(video, SHARDS),
        video,
        BASE + 5,
    )
    comments = {int(one["id"]): one for one in (await reader.page(video))["comments"]}
    assert comments[theirs] == {"id": str(theirs), "timestamp": 1, "deleted": True}
    assert comments[ours]["message"]
    assert comments[later]["message"]


async def test_one_who_is_banned_reads_nothing_of_the_video(reader, archived, states, as_moderator, ready):
    video = archived.new_video()
    await archived.add(video, BASE + 1)
    await states.add(video, state_of(ban(BASE + 2, "eve")))
    headers = as_moderator(video, "eve", "viewer")

    async def refused() -> bool:
        return (await reader.get(f"/comments/{video}", headers=headers)).status == 403

    await eventually(refused)
    assert (await reader.get(f"/comments/{video}", headers=headers)).code == "banned"
    assert (await reader.get(f"/videos/{video}", headers=headers)).code == "banned"
    assert (await reader.get(f"/comments/{video}")).status == 200


async def test_everybody_reads_the_state_and_moderators_the_bans_and_words(
    reader, archived, states, as_moderator, ready
):
    video = archived.new_video()
    usual = {"slowModeS": 0, "membersOnly": False, "paused": False, "ended": False}

    async def there() -> bool:
        return (await reader.get(f"/videos/{video}")).status == 200

    await eventually(there)
    assert (await reader.get(f"/videos/{video}")).json() == usual
    await states.add(video, state_of(control(BASE + 1, "state", slowModeS=5)))
    await states.add(video, state_of(ban(BASE + 2, "eve")))
    await states.add(video, state_of(ban(BASE + 3, "old", until_ms=1)))
    await states.add(video, state_of(control(BASE + 4, "words", words=["darn"])))
    headers = as_moderator(video)

    async def known() -> bool:
        return (await reader.get(f"/videos/{video}/words", headers=headers)).json() == {"words": ["darn"]}

    await eventually(known)
    assert (await reader.get(f"/videos/{video}")).json() == {**usual, "slowModeS": 5}
    bans = (await reader.get(f"/videos/{video}/bans", headers=headers)).json()["bans"]
    assert [(one["userId"], one["untilMs"], one["by"]) for one in bans] == [("eve", None, "mod")]
    for what in ("bans", "words", "audit"):
        assert (await reader.get(f"/videos/{video}/{what}")).code == "not_allowed"
        assert (await reader.get(f"/videos/{video}/{what}", headers={})).code == "no_token"


async def test_one_whose_token_is_in_a_cookie_can_ask_who_he_is(reader, archived, tokens):
    video = archived.new_video()

    async def me(**claims: object) -> dict[str, object]:
        cookie = f"livecomments_token={tokens.issue('zoe', 600, **claims)}"
        return (await reader.get(f"/videos/{video}/me", headers={"Cookie": cookie})).json()

    assert await me() == {"userId": "zoe", "role": "viewer", "member": False}
    known = {"userId": "zoe", "role": "moderator", "member": True, "name": "Zoë"}
    assert await me(name="Zoë", role="moderator", member=True, videos=[video]) == known
    assert (await me(role="host", videos=["*"]))["role"] == "host"
    assert (await reader.get(f"/videos/{video}/me", headers={})).code == "no_token"
    foreign = {"Cookie": f"livecomments_token={tokens.issue('zoe', 600)}", "Origin": "https://elsewhere.example"}
    assert (await reader.get(f"/videos/{video}/me", headers=foreign)).code == "foreign_origin"


async def test_the_audit_log_is_read_page_by_page_the_newest_first(reader, archived, as_moderator):
    video = archived.new_video()
    for n in range(1, 6):
        await archived.connection.execute(
            "INSERT INTO moderation_log VALUES ($1, $2, $3, 'ban', 'mod', 'host', 'spam', $4, $5)",
            *(shard_of(video, SHARDS), video, BASE + n),
            *(orjson.dumps({"userId": f"eve-{n}", "by": "mod", "role": "host"}).decode(), n),
        )
    headers = as_moderator(video)
    found, query = [], "?limit=2"
    while True:
        page = (await reader.get(f"/videos/{video}/audit{query}", headers=headers)).json()
        found += page["entries"]
        if page["nextCursor"] is None:
            break
        query = f"?limit=2&cursor={page['nextCursor']}"
    assert [one["what"]["userId"] for one in found] == [f"eve-{n}" for n in range(5, 0, -1)]
    assert found[0] == {
        "id": str(BASE + 5),
        "timestamp": 5,
        "kind": "ban",
        "by": "mod",
        "role": "host",
        "reason": "spam",
        "what": {"userId": "eve-5"},
    }
    assert (await reader.get(f"/videos/{video}/audit?limit=0", headers=headers)).code == "bad_limit"


async def test_while_nats_is_away_pages_are_there_for_all_but_those_whose_ban_is_archived(
    reader, archived, nats_server, as_moderator, ready, history: Part
):
    video = archived.new_video()
    await archived.add(video, BASE + 1)
    for one in (
        ban(BASE + 2, "eve"),
        ban(BASE + 3, "mallory", until_ms=1),
        ban(BASE + 4, "ann"),
        control(BASE + 5, "unban", userId="ann"),
    ):
        await archived.connection.execute(
            "INSERT INTO moderation_log VALUES ($1, $2, $3, $4, 'mod', 'moderator', NULL, $5, 1)",
            *(shard_of(video, SHARDS), video, one.number, one.kind, orjson.dumps(one.detail).decode()),
        )
    nats_server.pause()
    try:
        assert len(await reader.ids(video)) == 1
        for user in ("mallory", "ann"):
            assert (await reader.get(f"/comments/{video}", headers=as_moderator(video, user, "viewer"))).status == 200
        for path in (f"/comments/{video}", f"/videos/{video}/me"):
            assert (await reader.get(path, headers=as_moderator(video, "eve", "viewer"))).code == "banned"
            assert (await reader.get(path, headers=as_moderator(video, "eve"))).status == 200, "a moderator stays one"
    finally:
        nats_server.resume()


async def test_a_log_that_cannot_be_read_is_told_as_such(
    postgres_server: PostgresServer, reader, archived, as_moderator, ready
):
    headers = as_moderator("any")
    postgres_server.pause()
    try:
        assert (await reader.get("/videos/any/audit", headers=headers)).code == "unavailable"
    finally:
        postgres_server.resume()


async def test_history_that_starts_without_nats_serves_those_alone_who_need_no_token(
    start_history, session, tokens, archived, nats_server, connection, settings
):
    """It cannot know which tokens were revoked; once it does, it goes by that."""
    video = archived.new_video()
    await archived.add(video, BASE + 1)
    revocations = Revocations(connection, settings)
    await revocations.start()
    now_s = time.time()
    await revocations.add(Revocation("user", "mallory", now_s, now_s + 600, "operator"))
    with NatsProxy(nats_server.port) as proxy:
        proxy.cut()
        history = await asyncio.to_thread(start_history, nats_url=proxy.url, public_read=1)
        nobody = Reader(session, history.url, tokens)
        nobody.headers = {}
        await until_ready(session, history.url)
        assert await nobody.ids(video) == [BASE + 1]
        for user in ("ann", "mallory"):
            headers = {"Authorization": f"Bearer {tokens.issue(user, 600)}"}
            refused = await nobody.get(f"/comments/{video}", headers=headers)
            assert (refused.code, refused.headers["Retry-After"]) == ("unavailable", "2")
        proxy.restore()
        ann = {"Authorization": f"Bearer {tokens.issue('ann', 600)}"}

        async def knows() -> bool:
            return (await nobody.get(f"/comments/{video}", headers=ann)).status == 200

        await eventually(knows, RECONNECTED_WITHIN_S)
        headers = {"Authorization": f"Bearer {tokens.issue('mallory', 600)}"}
        assert (await nobody.get(f"/comments/{video}", headers=headers)).code == "no_token"
        assert await nobody.ids(video) == [BASE + 1]
        history.stop()
