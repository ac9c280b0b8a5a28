"""Requests of moderators at a writer: who may ask for what, what they become, and what is refused then."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from nats.aio.client import Client

from runtime import jetstream
from runtime.jetstream import Reader, StoreAwayError
from tests.writer.conftest import Answer, RunningWriter, stored, until
from wire import subjects
from wire.video import shard_of
from wire.video_state import VideoState, decode_state
from writer import moderating
from writer.limits import USER_BURST

SHARDS = 2


@dataclass
class Room:
    """A video, and people in it."""

    writer: RunningWriter
    video: str
    tokens: Any

    def token(self, user: str, role: str = "viewer", **claims: Any) -> str:
        return self.tokens.issue(user, 600, role=role, videos=[self.video], **claims)

    async def ask(self, method: str, path: str, body: Any = None, *, user: str = "mod", role: str = "moderator"):
        data = orjson.dumps(body) if body is not None else b""
        return await self.writer.post(
            self.video, method=method, path=path, data=data, token=self.token(user, role), headers={}
        )

    async def post(self, user: str, text: str = "hello", role: str = "viewer", **claims: Any) -> Answer:
        return await self.writer.post(self.video, text, token=self.token(user, role, **claims))

    async def delete(self, number: int, **who: str) -> Answer:
        return await self.ask("DELETE", f"/comments/{self.video}/{number}", **who)

    async def ban(self, whom: str, body: Any = None, **who: str) -> Answer:
        return await self.ask("PUT", f"/videos/{self.video}/bans/{whom}", body, **who)

    async def unban(self, whom: str, **who: str) -> Answer:
        return await self.ask("DELETE", f"/videos/{self.video}/bans/{whom}", **who)

    async def set(self, **state: Any) -> Answer:
        return await self.ask("PUT", f"/videos/{self.video}", state)


OpenRoom = Callable[..., Awaitable[Room]]


@pytest.fixture
def open_room(start_writer, videos, tokens) -> OpenRoom:
    async def open_(writer: RunningWriter | None = None, video: str | None = None, **settings: Any) -> Room:
        return Room(writer or await start_writer(**settings), video or videos(), tokens)

    return open_


@pytest.fixture
async def room(open_room: OpenRoom) -> Room:
    return await open_room()


async def kept_state(connection: Client, video: str) -> VideoState:
    subject = subjects.video_state(shard_of(video, SHARDS), video)
    kept = await jetstream.kept(connection, subjects.VIDEO_STATES_STREAM, {"last_by_subj": subject})
    assert kept is not None
    return decode_state(kept.payload)


def said(answer: Answer) -> tuple[int, Any]:
    return answer.status, answer.body.get("code")


async def test_ones_own_comment_is_taken_back_by_a_message_after_it(room: Room, reader: Reader):
    first = (await room.post("ann", "never mind")).number
    answer = await room.delete(first, user="ann", role="viewer")
    assert answer.status == 202
    [message] = await stored(reader, shard_of(room.video, SHARDS), room.video)
    assert (message.number, message.kind) == (int(answer.body["id"]), "delete")
    assert message.number > first
    detail = orjson.loads(message.payload)
    assert (detail["commentId"], detail["userId"], detail["by"], detail["role"]) == (str(first), "ann", "ann", "viewer")
    assert type(detail["timestamp"]) is int


async def test_a_removed_text_is_no_longer_in_the_stream_and_its_place_is_known_as_deleted(
    room: Room, reader: Reader, connection: Client
):
    await room.post("ann", "before")  # a stream's first message that is deleted looks as if it had been trimmed
    number = (await room.post("ann", "secret")).number
    await room.delete(number)
    shard = shard_of(room.video, SHARDS)
    assert number in await reader.deleted(shard)
    assert await jetstream.kept(connection, subjects.stream_name(shard), {"seq": number}) is None


async def test_only_its_author_and_moderators_of_the_video_remove_a_comment(room: Room, open_room: OpenRoom):
    number = (await room.post("ann")).number
    assert said(await room.delete(number, user="eve", role="viewer")) == (403, "not_allowed")
    elsewhere = await open_room(room.writer)
    token = elsewhere.token("mod", "moderator")
    path = f"/comments/{room.video}/{number}"
    assert said(await room.writer.post("", method="DELETE", path=path, token=token, data=b"")) == (403, "wrong_video")
    assert (await room.delete(number, user="mod", role="moderator")).status == 202
    assert (await room.delete((await room.post("ann")).number, user="boss", role="host")).status == 202


async def test_a_moderator_does_not_undo_what_a_host_decided(room: Room):
    assert (await room.ban("mod-2", user="boss", role="host")).status == 202
    assert said(await room.ban("mod-2")) == (403, "not_allowed")
    assert said(await room.unban("mod-2")) == (403, "not_allowed")
    assert (await room.unban("mod-2", user="boss", role="host")).status == 202


async def test_what_is_removed_already_is_removed_by_the_same_message_whoever_asks_again(
    room: Room, open_room: OpenRoom
):
    number = (await room.post("ann")).number
    answers = await asyncio.gather(*(room.delete(number) for _ in range(10)))
    assert {answer.body["id"] for answer in answers} == {answers[0].body["id"]}
    other = await open_room(video=room.video)
    again = await other.delete(number, user="boss", role="host")
    assert again.body["id"] == answers[0].body["id"]


async def test_a_delete_that_was_not_done_is_done_when_it_is_repeated(
    room: Room, connection: Client, monkeypatch: pytest.MonkeyPatch
):
    async def away(*_: Any) -> None:
        raise StoreAwayError("away")

    number = (await room.post("ann", "secret")).number
    stream = subjects.stream_name(shard_of(room.video, SHARDS))
    with monkeypatch.context() as broken:
        broken.setattr(jetstream, "erase", away)
        assert said(await room.delete(number)) == (503, "not_stored")
        assert said(await room.delete(number)) == (503, "not_stored")
    assert await jetstream.kept(connection, stream, {"seq": number}) is not None
    assert (await room.delete(number)).status == 202
    assert await jetstream.kept(connection, stream, {"seq": number}) is None
    assert list((await kept_state(connection, room.video)).removed) == [number]


async def test_what_is_removed_already_is_a_matter_of_its_author_and_moderators_alone(room: Room, connection: Client):
    first, second = [(await room.post("ann")).number for _ in range(2)]
    by = (await room.delete(first)).body["id"]
    assert said(await room.delete(first, user="eve", role="viewer")) == (403, "not_allowed")
    assert (await room.delete(first, user="ann", role="viewer")).body["id"] == by
    ban = (await room.ban("ann", {"comments": True})).body["id"]
    await room.unban("ann")
    assert said(await room.delete(second, user="eve", role="viewer")) == (403, "not_allowed")
    assert (await room.delete(second, user="ann", role="viewer")).body["id"] == ban
    stream = subjects.stream_name(shard_of(room.video, SHARDS))
    assert await jetstream.kept(connection, stream, {"seq": second}) is None


async def test_taking_back_counts_as_speaking_does_and_moderators_are_not_held_up(open_room: OpenRoom):
    room = await open_room(user_rate=0.1)
    number = (await room.post("ann")).number
    answers = [said(await room.delete(number, user="ann", role="viewer")) for _ in range(USER_BURST)]
    assert answers == [(202, None)] * (USER_BURST - 1) + [(429, "too_many")]
    assert [(await room.delete(number)).status for _ in range(USER_BURST)] == [202] * USER_BURST


async def test_a_comment_of_another_video_a_control_message_and_nothing_at_all_are_not_found(room, open_room):
    shard = shard_of(room.video, SHARDS)
    same_shard = next(video for at in range(100) if shard_of(video := f"{room.video}-{at}", SHARDS) == shard)
    number = (await (await open_room(room.writer, same_shard)).post("ann")).number
    assert said(await room.delete(number)) == (404, "no_comment")
    ban = int((await room.ban("eve")).body["id"])
    assert said(await room.delete(ban)) == (404, "no_comment")
    assert said(await room.delete(0)) == (404, "no_comment")
    assert said(await room.ask("DELETE", f"/comments/{room.video}/abc")) == (404, "not_found")


async def test_without_history_nobody_says_that_an_old_comment_is_not_there(room: Room):
    assert said(await room.delete(17)) == (503, "unavailable")


async def test_a_banned_user_is_refused_here_and_nowhere_else(room: Room, open_room: OpenRoom):
    assert (await room.ban("eve", {"reason": "spam"})).status == 202
    assert said(await room.post("eve")) == (403, "banned")
    assert (await room.post("ann")).status == 202
    other = await open_room(room.writer)
    assert (await other.post("eve")).status == 202
    assert (await room.unban("eve")).status == 202
    assert (await room.post("eve")).status == 202


async def test_one_is_let_in_once_and_one_of_whose_ban_nobody_knows_as_long_as_there_is_room(
    room: Room, open_room: OpenRoom, monkeypatch: pytest.MonkeyPatch
):
    other = await open_room(video=room.video)
    assert (await room.unban("a-ban-on-its-way")).status == 202
    await other.ban("eve")
    first = await room.unban("eve")
    assert first.status == 202
    assert (await room.unban("eve")).body["id"] == first.body["id"]
    monkeypatch.setattr(moderating, "MAX_BANS", 2)
    assert said(await room.unban("nobody")) == (404, "not_found")
    assert said(await room.ban("nobody")) == (409, "too_many_bans")
    assert (await room.unban("eve")).status == 202


async def test_a_ban_holds_for_repeats_deletes_and_every_token_of_the_user(room: Room):
    kept = await room.writer.post(room.video, "before", token=room.token("eve"), key="k")
    await room.ban("eve")
    repeat = await room.writer.post(room.video, "before", token=room.token("eve"), key="k")
    assert said(repeat) == (403, "banned")
    assert said(await room.delete(kept.number, user="eve", role="viewer")) == (403, "banned")
    assert said(await room.writer.post(room.video, "free", user="eve")) == (403, "banned")


async def test_a_ban_is_known_to_every_writer_and_to_one_that_starts_later(room: Room, open_room: OpenRoom):
    other = await open_room(video=room.video)
    assert (await other.post("eve")).status == 202
    await room.ban("eve")
    async with asyncio.timeout(2):
        while (await other.post("eve")).status == 202:
            pass
    assert said(await other.post("eve")) == (403, "banned")
    later = await open_room(video=room.video)
    assert said(await later.post("eve")) == (403, "banned")


async def test_a_ban_for_a_time_ends(room: Room):
    await room.ban("eve", {"forS": 1})
    assert said(await room.post("eve")) == (403, "banned")
    async with asyncio.timeout(5):
        while (await room.post("eve")).status == 403:  # noqa: ASYNC110  only asking tells
            await asyncio.sleep(0.05)


async def test_nobody_bans_a_host_and_only_a_host_a_moderator(room: Room):
    await room.ban("boss")
    await room.ban("deputy")
    assert (await room.post("boss", role="host")).status == 202
    assert (await room.post("deputy", role="moderator")).status == 202
    await room.ban("deputy", user="boss", role="host")
    assert said(await room.post("deputy", role="moderator")) == (403, "banned")


async def test_a_user_id_with_any_signs_is_banned(room: Room):
    for user, path in (("a/b", "a/b"), ("ü ?", "%C3%BC%20%3F"), ("x" * 128, "x" * 128)):
        assert (await room.ban(path)).status == 202, user
        assert said(await room.post(user)) == (403, "banned")
    assert said(await room.ban("x" * 129)) == (400, "bad_user")


async def test_viewers_moderate_nothing(room: Room):
    for method, path, body in (
        ("PUT", f"/videos/{room.video}/bans/ann", {}),
        ("DELETE", f"/videos/{room.video}/bans/ann", None),
        ("PUT", f"/videos/{room.video}", {"paused": True}),
        ("PUT", f"/videos/{room.video}/words", {"words": []}),
    ):
        assert said(await room.ask(method, path, body, user="eve", role="viewer")) == (403, "not_allowed")


async def test_paused_only_moderators_speak_and_ended_nobody(room: Room):
    await room.set(paused=True)
    assert said(await room.post("ann")) == (403, "paused")
    assert (await room.post("mod", role="moderator")).status == 202
    await room.set(paused=False, ended=True)
    assert said(await room.post("ann")) == (403, "ended")
    assert said(await room.post("mod", role="moderator")) == (403, "ended")
    await room.set(ended=False)
    assert (await room.post("ann")).status == 202


async def test_members_only_is_for_tokens_that_say_so_of_this_video(room: Room):
    await room.set(membersOnly=True)
    assert said(await room.post("ann")) == (403, "members_only")
    assert (await room.post("ann", member=True)).status == 202
    anywhere = room.tokens.issue("ben", 600, member=True)
    assert said(await room.writer.post(room.video, token=anywhere)) == (403, "members_only")


async def test_slow_mode_lets_each_user_speak_once_in_a_while_and_moderators_always(room: Room, open_room: OpenRoom):
    await room.set(slowModeS=60)
    assert (await room.post("ann")).status == 202
    again = await room.post("ann")
    assert said(again) == (429, "slow_mode")
    assert 50 <= int(again.headers["Retry-After"]) <= 60
    assert (await room.post("ben")).status == 202
    assert [(await room.post("mod", role="moderator")).status for _ in range(3)] == [202] * 3
    assert [(await (await open_room(room.writer)).post("ann")).status for _ in range(2)] == [202, 202]


async def test_a_comment_that_is_refused_does_not_count_for_slow_mode(room: Room):
    await room.set(slowModeS=60)
    assert said(await room.post("ann", "   ")) == (400, "message_blank")
    assert (await room.post("ann")).status == 202


async def test_blocked_words_are_found_however_they_are_written_and_only_as_words(room: Room):
    answer = await room.ask("PUT", f"/videos/{room.video}/words", {"words": ["Darn", "heck no", "笨蛋"]})
    assert answer.status == 202
    for text in ("darn!", "DARN", "\uff44\uff41\uff52\uff4e", "oh, d\u200barn", "heck   no", "你这个笨蛋啊"):
        assert said(await room.post("ann", text)) == (403, "blocked_words"), text
    for text in ("darned", "heck yes", "hello"):
        assert (await room.post("ann", text)).status == 202, text
    assert (await room.post("mod", "darn", role="moderator")).status == 202
    assert said(await room.post("dan", "hello", name="Big_D\u0336arn_")) == (403, "blocked_words"), (
        "it is shown as well"
    )
    assert (await room.post("dan", "hello", name="Darnell")).status == 202
    assert (await room.post("mod", "hello", role="moderator", name="Darn")).status == 202
    await room.ask("PUT", f"/videos/{room.video}/words", {"words": []})
    assert (await room.post("ann", "darn")).status == 202
    assert (await room.post("dan", "hello", name="Darn")).status == 202


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("bans/eve", {"forS": 0}, "bad_ban"),
        ("bans/eve", {"forS": True}, "bad_ban"),
        ("bans/eve", {"comments": 1}, "bad_ban"),
        ("bans/eve", {"for": 1}, "bad_ban"),
        ("bans/eve", {"reason": "x" * 201}, "bad_ban"),
        ("bans/eve", [], "bad_ban"),
        ("", {}, "bad_state"),
        ("", {"slowModeS": 3601}, "bad_state"),
        ("", {"slowModeS": True}, "bad_state"),
        ("", {"paused": 1}, "bad_state"),
        ("", {"pause": True}, "bad_state"),
        ("words", {}, "bad_words"),
        ("words", {"words": [1]}, "bad_words"),
        ("words", {"words": ["x"] * 501}, "bad_words"),
        ("words", {"words": ["x" * 65]}, "bad_words"),
        ("words", {"words": [" "]}, "bad_words"),
    ],
)
async def test_an_order_that_makes_no_sense_is_refused_and_changes_nothing(room: Room, reader, path, body, code):
    assert said(await room.ask("PUT", f"/videos/{room.video}/{path}".rstrip("/"), body)) == (400, code)
    assert not await stored(reader, shard_of(room.video, SHARDS), room.video)


async def test_what_was_decided_survives_in_the_kept_state_and_is_put_together_by_number(
    room: Room, open_room: OpenRoom, connection: Client
):
    other = await open_room(video=room.video)
    await asyncio.gather(
        *(room.ban(f"user-{n}") for n in range(8)),
        *(other.ban(f"other-{n}", user="boss", role="host") for n in range(8)),
        other.set(paused=True),
        room.set(slowModeS=5),
    )
    state = await kept_state(connection, room.video)
    assert len(state.bans) == 16
    assert state.told() == {"slowModeS": 5, "membersOnly": False, "paused": True, "ended": False}
    assert room.writer.service._states is not None
    await until(lambda: room.writer.service._states.known(room.video) == state)
