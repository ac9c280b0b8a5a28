"""What moderators decide, as viewers of an edge feel it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp
import orjson
import pytest
from nats.aio.client import Client

from edge.snapshot import FRESH_S
from runtime import jetstream
from runtime.jetstream import Outgoing, Publisher
from runtime.tokens import Tokens
from runtime.video_states import VideoStates
from tests.edge.conftest import Store, Viewers
from tests.edge.edge_process import EdgeProcess
from tests.felt import TIMES, felt_s
from wire import subjects
from wire.control import Actor, Control, encode_control
from wire.headers import own_id
from wire.video import shard_of
from wire.video_state import state_of

SHARDS = 2
FELT_WITHIN_S = 0.2


class Moderator:
    """Does what a writer does for moderators; `kept=False` leaves the state as a writer that died would."""

    def __init__(self, connection: Client) -> None:
        self.connection = connection
        self.states = VideoStates(connection, SHARDS)
        self.publisher = Publisher(connection)

    async def say(self, video: str, kind: str, *, kept: bool = True, **what: Any) -> int:
        payload = encode_control(Actor("mod", "moderator"), what)
        subject = subjects.comments(shard_of(video, SHARDS), video)
        number = (await self.publisher.one(Outgoing(subject, payload, own_id(), kind))).number
        if kept:
            control = Control(number, int(time.time() * 1000), kind, orjson.loads(payload))
            await self.states.add(video, state_of(control))
        return number

    async def delete(self, video: str, number: int, *, erased: bool = True, kept: bool = True) -> int:
        what = {"commentId": str(number), "userId": "ann", "timestamp": 1}
        control = await self.say(video, "delete", kept=kept, **what)
        if erased:
            await jetstream.erase(self.connection, shard_of(video, SHARDS), number)
        return control

    async def ban(
        self, video: str, user: str, *, for_s: float | None = None, comments: bool = False, **how: Any
    ) -> int:
        until_ms = None if for_s is None else int((time.time() + for_s) * 1000)
        return await self.say(video, "ban", userId=user, untilMs=until_ms, comments=comments, **how)

    async def unban(self, video: str, user: str) -> int:
        return await self.say(video, "unban", userId=user)


@pytest.fixture
def moderator(connection: Client, streams: None) -> Moderator:
    return Moderator(connection)


@pytest.fixture(scope="module")
def edge(start_edge) -> EdgeProcess:
    return start_edge()


@pytest.fixture(scope="module")
def cold_edge(start_edge) -> EdgeProcess:
    """An edge that has the videos of no test before it is asked for them."""
    return start_edge()


def raw(stream: Any) -> bytes:
    return b"".join(stream.pieces)


async def test_viewers_hear_of_a_delete_by_an_event_with_a_number_of_its_own(edge, store, viewers, moderator, video):
    stream = await viewers.watch(edge, video)
    number = await store.post(video, "secret")
    await stream.has(number)
    control = await moderator.delete(video, number)
    await stream.until(lambda: stream.told("delete"))
    assert stream.told("delete") == [{"commentId": str(number)}]
    assert stream.last_id == str(control)


async def test_a_removed_text_is_never_sent_again_from_memory(edge, store, viewers, moderator, video):
    first = await viewers.watch(edge, video)
    before = await store.post(video, "before")
    number = await store.post(video, "secret")
    await first.has(number)
    await moderator.delete(video, number)
    await first.until(lambda: first.told("delete"))
    again = await viewers.watch(edge, video, before)
    await again.until(lambda: again.told("delete"))
    assert b"secret" not in raw(again)
    only_the_delete = await viewers.watch(edge, video, number)
    await only_the_delete.until(lambda: only_the_delete.told("delete"))


async def test_a_removed_text_is_never_sent_again_from_the_stream(
    cold_edge: EdgeProcess, store: Store, viewers: Viewers, moderator: Moderator, video: str
):
    before = await store.post(video, "before")
    number = await store.post(video, "secret")
    after = await store.post(video, "after")
    await moderator.delete(video, number)
    stream = await viewers.watch(cold_edge, video, before)
    assert stream.numbers == [after]
    assert stream.told("delete") == [{"commentId": str(number)}]


async def test_a_text_that_is_still_in_the_stream_is_not_shown_once_its_removal_is_known(
    cold_edge: EdgeProcess, store: Store, viewers: Viewers, moderator: Moderator, video: str
):
    before = await store.post(video, "before")
    await moderator.delete(video, await store.post(video, "secret"), erased=False)
    stream = await viewers.watch(cold_edge, video, before)
    assert b"secret" not in raw(stream)
    assert len(stream.told("delete")) == 1


async def test_a_removed_text_is_not_sent_again_out_of_what_others_were_read(
    cold_edge: EdgeProcess, store: Store, viewers: Viewers, moderator: Moderator, video: str
):
    before = await store.post(video, "before")
    number = await store.post(video, "secret")
    await store.post(video, "after")
    first = await viewers.watch(cold_edge, video, before)
    assert b"secret" in raw(first)
    await moderator.delete(video, number, erased=False)
    await first.until(lambda: first.told("delete"))
    again = await viewers.watch(cold_edge, video, before)
    await again.until(lambda: again.told("delete"))
    assert b"secret" not in raw(again)
    assert b"after" in raw(again)


async def test_a_snapshot_is_made_anew_when_something_in_it_is_removed(edge, store, viewers, moderator, video, token):
    url = f"{edge.url}/comments/{video}/snapshot"
    headers = {"Authorization": f"Bearer {token}"}
    await store.post(video, "before")
    number = await store.post(video, "secret")

    async def snapshot() -> tuple[str, list[str]]:
        async with viewers.session.get(url, headers=headers) as response:
            document = await response.json()
            return response.headers["ETag"], [comment["message"] for comment in document["comments"]]

    etag, texts = await snapshot()
    assert texts == ["before", "secret"]
    await moderator.delete(video, number)
    async with asyncio.timeout(FRESH_S * 0.8):  # before it would be made anew for its age
        while (now := await snapshot())[1] != ["before"]:
            pass
    assert now[0] != etag


async def test_a_snapshot_shows_comments_also_where_the_newest_messages_are_none(
    cold_edge: EdgeProcess, store: Store, viewers: Viewers, moderator: Moderator, video: str, token: str
):
    url = f"{cold_edge.url}/comments/{video}/snapshot"
    numbers = await store.post_many(video, 110)
    for _ in range(150):
        last = await moderator.say(video, "praise", kept=False)
    for number in numbers[-5:]:
        last = await moderator.delete(video, number)
    async with viewers.session.get(url, headers={"Authorization": f"Bearer {token}"}) as response:
        made = await response.json()
    assert [int(comment["id"]) for comment in made["comments"]] == numbers[5:-5]
    assert made["newest"] == str(last)


async def test_a_banned_viewer_is_sent_away_at_once_and_not_let_in_again(
    edge: EdgeProcess, viewers: Viewers, moderator: Moderator, video: str, tokens: Tokens
):
    banned = [tokens.issue(f"eve-{number}", 600) for number in range(TIMES)]
    streams = [await viewers.watch(edge, video, token=eve) for eve in banned]
    elsewhere = [await viewers.watch(edge, f"{video}-b", token=eve) for eve in banned]
    other = await viewers.watch(edge, video)

    async def once(number: int) -> float:
        began = time.monotonic()
        await moderator.ban(video, f"eve-{number}")
        await streams[number].end()
        return time.monotonic() - began

    assert await felt_s(once) < FELT_WITHIN_S
    assert all(stream.told("bye") == [{"reason": "banned"}] for stream in streams)
    assert not any(stream.ended for stream in (other, *elsewhere))
    eve, stream = banned[0], streams[0]
    back = await viewers.watch(edge, video, stream.last_id or 0, token=eve, synced=False)
    assert (back.status, back.response.headers["Problem-Code"]) == (204, "banned")
    anew = await viewers.watch(edge, video, token=eve, synced=False)
    assert (anew.status, (await anew.response.json())["code"]) == (403, "banned")


async def test_a_ban_is_not_evaded_by_another_edge_a_replay_or_a_snapshot(
    edge, cold_edge, store: Store, viewers: Viewers, moderator: Moderator, video: str, tokens: Tokens
):
    eve = tokens.issue("eve", 600)
    number = await store.post(video, "hello")
    await moderator.ban(video, "eve")
    for one in (edge, cold_edge):
        for position in (None, 0, number, "nonsense"):
            status = (await viewers.watch(one, video, position, token=eve, synced=False)).status
            assert status == (403 if position is None else 204)
        url = f"{one.url}/comments/{video}/snapshot"
        async with viewers.session.get(url, headers={"Authorization": f"Bearer {eve}"}) as response:
            assert response.status == 403


async def test_a_ban_that_only_the_stream_knows_of_is_felt_by_those_who_watch(
    edge: EdgeProcess, viewers: Viewers, moderator: Moderator, video: str, tokens: Tokens
):
    stream = await viewers.watch(edge, video, token=tokens.issue("eve", 600))
    await moderator.ban(video, "eve", kept=False)
    await stream.end()
    assert stream.told("bye") == [{"reason": "banned"}]


async def test_a_ban_for_a_time_ends_and_one_that_is_lifted_too(edge, viewers, moderator, video, tokens):
    eve = tokens.issue("eve", 600)
    await moderator.ban(video, "eve", for_s=0.5)
    assert (await viewers.watch(edge, video, token=eve, synced=False)).status == 403
    async with asyncio.timeout(5):
        while (await viewers.watch(edge, video, token=eve, synced=False)).status == 403:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await moderator.ban(video, "eve")
    await moderator.unban(video, "eve")
    assert (await viewers.watch(edge, video, token=eve)).status == 200


async def test_all_comments_of_a_banned_user_are_gone_with_one_event(
    edge: EdgeProcess, cold_edge: EdgeProcess, store: Store, viewers: Viewers, moderator: Moderator, video: str
):
    watching = await viewers.watch(edge, video)
    first = await store.post(video, "kept", user="ann")
    await store.post_many(video, 20, "secret", user="eve")
    last = await store.post(video, "kept too", user="ann")
    await watching.has(last)
    control = await moderator.ban(video, "eve", comments=True)
    await watching.until(lambda: watching.told("delete"))
    assert watching.told("delete") == [{"userId": "eve"}]
    assert watching.last_id == str(control)
    from_memory = await viewers.watch(edge, video, first)
    from_stream = await viewers.watch(cold_edge, video, first)
    for stream in (from_memory, from_stream):
        assert stream.numbers == [last]
        assert b"secret" not in raw(stream)


async def test_the_state_of_a_video_is_told_when_it_changes_and_to_those_who_join(edge, viewers, moderator, video):
    stream = await viewers.watch(edge, video)
    control = await moderator.say(video, "state", slowModeS=30)
    await stream.until(lambda: stream.told("state"))
    assert stream.told("state") == [{"slowModeS": 30}]
    assert stream.last_id == str(control)
    await moderator.say(video, "state", paused=True)
    later = await viewers.watch(edge, video)
    await later.until(lambda: later.told("state"))
    assert later.told("state") == [{"slowModeS": 30, "paused": True}]


async def test_words_bans_and_kinds_of_the_future_take_their_place_and_are_told_to_nobody(
    edge, store, viewers, moderator, video
):
    stream = await viewers.watch(edge, video)
    before = len(stream.events)
    await moderator.say(video, "words", words=["darn"])
    await moderator.ban(video, "nobody-here")
    await moderator.say(video, "praise", kept=False)
    number = await store.post(video)
    await stream.has(number)
    assert [event.name for event in stream.events[before:] if event.name != "viewers"] == ["message"]


async def test_a_delete_that_came_while_a_viewer_was_away_is_in_its_replay(edge, store, viewers, moderator, video):
    stream = await viewers.watch(edge, video)
    number = await store.post(video, "secret")
    await stream.has(number)
    stream.close()
    await moderator.delete(video, number)
    back = await viewers.watch(edge, video, stream.last_id)
    await back.until(lambda: back.told("delete"))
    assert back.told("delete") == [{"commentId": str(number)}]
    assert b"secret" not in raw(back)


async def test_metrics_count_those_who_were_sent_away(edge, viewers, moderator, video, tokens):
    stream = await viewers.watch(edge, video, token=tokens.issue("eve", 600))
    await moderator.ban(video, "eve")
    await stream.end()
    async with aiohttp.ClientSession() as session, session.get(f"{edge.url}/metrics") as response:
        assert 'livecomments_streams_ended_total{reason="banned"}' in await response.text()
