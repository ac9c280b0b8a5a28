"""What the parts know of videos: told in pieces, kept as long as it matters, held within bounds, read again in time."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from typing import Any

import pytest
from nats.aio.client import Client

from runtime import jetstream, video_states
from runtime.jetstream import StoreAwayError
from runtime.video_states import READ_AT_ONCE, VideoStates
from tests.writer.conftest import until
from wire import subjects, video_state
from wire.control import Control
from wire.video import shard_of
from wire.video_state import Removal, VideoState, state_of

SHARDS = 2

pytestmark = pytest.mark.usefixtures("streams")


@pytest.fixture
def states(connection: Client) -> VideoStates:
    return VideoStates(connection, SHARDS)


_count = itertools.count(1)


@pytest.fixture
def video() -> str:
    return f"v{next(_count)}"


def piece(number: int, kind: str = "delete", **detail: Any) -> VideoState:
    now_ms = int(time.time() * 1000)
    what = detail or {"commentId": str(number), "timestamp": now_ms}
    return state_of(Control(number, now_ms, kind, {"by": "mod", "role": "moderator", **what}))


def ban(number: int, user: str = "eve") -> VideoState:
    return piece(number, "ban", userId=user, untilMs=None, comments=False)


def subject_of(video: str) -> str:
    return subjects.video_state(shard_of(video, SHARDS), video)


async def kept(connection: Client, video: str) -> jetstream.Kept | None:
    return await jetstream.kept(connection, subjects.VIDEO_STATES_STREAM, {"last_by_subj": subject_of(video)})


async def test_parts_are_told_what_is_new_and_not_all_that_there_is(states, connection: Client, video: str):
    told: list[bytes] = []

    async def heard(message: Any) -> None:
        told.append(message.data)

    other = VideoStates(connection, SHARDS)
    await other.start()
    await other.of(video)
    await connection.subscribe("moderated.>", cb=heard)
    many = VideoState(2_000, removed={n: Removal(n, int(time.time() * 1000)) for n in range(1, 2_001)})
    await states.add(video, many)
    await states.add(video, ban(3_000))
    await until(lambda: len(told) == 2)
    assert len(told[0]) > 40_000
    assert len(told[1]) < 400
    await until(lambda: other.known(video) == many.merge(ban(3_000)) or len(other.last_known(video).removed) == 2_000)
    assert list(other.last_known(video).bans) == ["eve"]


async def test_a_state_of_which_nothing_is_left_to_know_goes_by_itself_and_a_ban_stays(
    states: VideoStates, connection: Client, video: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(video_state, "REMEMBER_MS", 100)
    monkeypatch.setattr(video_state, "REMEMBER_REMOVALS_MS", 100)
    await states.add(video, piece(1))
    await states.add(f"{video}-banned", piece(1).merge(ban(2)))
    assert await kept(connection, video) is not None
    async with asyncio.timeout(15):
        while await kept(connection, video) is not None:  # noqa: ASYNC110  only asking tells
            await asyncio.sleep(0.1)
    assert await kept(connection, f"{video}-banned") is not None
    assert (await VideoStates(connection, SHARDS).of(video)) == video_state.NOTHING


async def test_what_was_read_long_ago_does_not_bring_back_what_was_lifted_since(
    states: VideoStates, connection: Client, video: str, monkeypatch: pytest.MonkeyPatch
):
    await states.add(video, ban(1))
    await jetstream.api(connection, f"STREAM.PURGE.{subjects.VIDEO_STATES_STREAM}", {"filter": subject_of(video)})
    assert list((await states._read_soon(video)).bans) == ["eve"]  # it may have come before it was kept
    monkeypatch.setattr(video_states, "GOOD_S", 0.0)
    assert states.known(video) is None
    assert not (await states.of(video)).bans


async def test_what_is_held_is_bounded_and_what_is_in_use_stays(connection: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(video_states, "MAX_HELD_WEIGHT", 20)
    states = VideoStates(connection, SHARDS, in_use=lambda video: video == "used")
    for video in ("used", *(f"other-{n}" for n in range(10))):
        states._hear(video, VideoState(9, removed={n: Removal(n, 2**52) for n in range(1, 6)}))
    assert states.known("used") is not None
    assert states.known("other-9") is not None
    assert [video for video in (f"other-{n}" for n in range(10)) if states.known(video)] == [
        "other-7",
        "other-8",
        "other-9",
    ]
    before = states.version("other-0")
    states._hear("other-10", VideoState(9, removed={n: Removal(n, 2**52) for n in range(1, 6)}))
    assert states.version("other-0") != before  # nothing that was made without its state counts any more


async def test_many_states_are_read_some_at_a_time_and_those_that_failed_again(
    connection: Client, monkeypatch: pytest.MonkeyPatch
):
    read: Callable[..., Any] = jetstream.kept
    asked: list[str] = []
    at_once = most = 0

    async def counted(connection: Client, stream: str, wanted: dict[str, str]) -> Any:
        nonlocal at_once, most
        asked.append(wanted["last_by_subj"])
        at_once += 1
        most = max(most, at_once)
        try:
            if len(asked) % 10 == 0:
                raise StoreAwayError("away")
            return await read(connection, stream, wanted)
        finally:
            at_once -= 1

    monkeypatch.setattr(jetstream, "kept", counted)
    monkeypatch.setattr(video_states, "READ_AGAIN_S", 0.01)
    states = VideoStates(connection, SHARDS, in_use=lambda _: True)
    videos = [f"many-{n}" for n in range(3 * READ_AT_ONCE)]
    await states.read_again(videos)
    assert READ_AT_ONCE // 2 < most <= READ_AT_ONCE
    assert all(states.known(video) is not None for video in videos)
    assert len(asked) > len(videos)
