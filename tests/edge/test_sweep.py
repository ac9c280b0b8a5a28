"""What is due for time alone, for thousands in the same second: it holds up nobody, and they come back over time."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest
from prometheus_client import REGISTRY

import edge.sweep
from edge.admission import Admission
from edge.channel import Channel
from edge.channels import OpenVideo
from edge.coming_back import EXPIRED_RETRY_MS, LAST_RETURN_MS, RETRY_MS, RETURNING_PER_S, spread
from edge.pacer import Pacer
from edge.turns import LOOKED_AT_AT_ONCE, VIDEOS_AT_ONCE, VIEWERS_AT_ONCE, in_turns
from runtime.settings import Settings
from runtime.tokens import Identity
from tests.edge.recording import RecordingViewer
from tests.edge.waiting import until
from wire import sse
from wire.sse import EventParser

CROWD = 5_000
SETTINGS = Settings(heartbeat_s=0.001)
FOR_EVER = 4e9


class Busiest:
    """How many viewers were sent something, in all and at most in one turn of the event loop."""

    def __init__(self) -> None:
        self.sent = self.most = 0

    async def watch(self) -> None:
        seen = self.sent
        while True:
            await asyncio.sleep(0)
            self.most = max(self.most, self.sent - seen)
            seen = self.sent


class Counted(RecordingViewer):
    """A viewer with a token that ends, which counts what it is sent."""

    __slots__ = ("_busiest",)

    def __init__(self, busiest: Busiest, expires_at: float = FOR_EVER) -> None:
        super().__init__()
        self.identity = Identity("ann", expires_at)
        self._busiest = busiest

    def send(self, data: bytes) -> None:
        super().send(data)
        self._busiest.sent += 1

    def abort(self) -> None:
        super().abort()
        self._busiest.sent += 1

    @property
    def retry_ms(self) -> int:
        parser = EventParser()
        parser.feed(b"".join(self.pieces))
        assert parser.retry_ms is not None
        return parser.retry_ms


@pytest.fixture
async def busiest() -> AsyncIterator[Busiest]:
    made = Busiest()
    watching = asyncio.create_task(made.watch())
    yield made
    watching.cancel()


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge.sweep, "INTERVAL_S", 0.01)


@contextlib.asynccontextmanager
async def sweeping(viewers: list[Counted], videos: dict[str, OpenVideo] | None = None) -> AsyncIterator[None]:
    channels = SimpleNamespace(open=videos or {})
    task = asyncio.create_task(edge.sweep.sweep(channels, viewers, SETTINGS, lambda: None))  # type: ignore[arg-type]
    yield
    assert not task.done(), "it goes on for ever"
    task.cancel()


def check_spread(crowd: list[Counted]) -> None:
    """See that no more come back in any second than can be taken in, give or take what chance does."""
    returns = [viewer.retry_ms for viewer in crowd]
    assert min(returns) >= 1_000
    seconds = [0] * (max(returns) // 1_000 + 1)
    for retry_ms in returns:
        seconds[retry_ms // 1_000] += 1
    assert max(seconds) < RETURNING_PER_S * 1.3, seconds
    assert len(seconds) <= 2 + len(crowd) / RETURNING_PER_S


async def test_thousands_whose_tokens_end_in_one_second_hold_up_nobody_and_come_back_over_time(often, busiest):
    crowd = [Counted(busiest, expires_at=time.time() - 60) for _ in range(CROWD)]
    staying = Counted(busiest)
    async with sweeping([*crowd, staying]):
        await until(lambda: all(viewer.ended for viewer in crowd))
    assert all(viewer.told("bye") == [{"reason": "expired"}] for viewer in crowd)
    assert 0 < busiest.most <= VIEWERS_AT_ONCE
    assert not staying.ended
    check_spread(crowd)


class Defective(Counted):
    """One that cannot be written to, for whatever reason."""

    __slots__ = ()

    def send(self, data: bytes) -> None:
        raise RuntimeError("a defect")


async def test_one_who_cannot_be_written_to_keeps_no_other_from_what_is_due(often, busiest):
    past, soon = time.time() - 60, time.time() + 30.2
    expired, warned, joining = (Counted(busiest, at) for at in (past, soon, FOR_EVER))
    warned.index = 0
    crowd = [*(Defective(busiest, at) for at in (past, soon, FOR_EVER)), expired, warned, joining]
    failed_before = _failed()
    async with sweeping(crowd):
        await until(lambda: expired.ended and warned.told("expiring") and sse.HEARTBEAT in joining.pieces)
    assert _failed() > failed_before, "an alert goes by it"


def _failed() -> float:
    return REGISTRY.get_sample_value("livecomments_work_failed_total", {"work": "turns"}) or 0


async def test_a_few_whose_tokens_end_come_back_soon(often, busiest):
    few = [Counted(busiest, expires_at=time.time() - 60) for _ in range(20)]
    async with sweeping(few):
        await until(lambda: all(viewer.ended for viewer in few))
    assert all(EXPIRED_RETRY_MS[0] <= viewer.retry_ms <= EXPIRED_RETRY_MS[1] for viewer in few)


async def test_thousands_are_warned_of_their_tokens_end_a_few_at_a_time(often, busiest):
    crowd = [Counted(busiest, expires_at=time.time() + 30.2) for _ in range(CROWD)]
    for viewer in crowd:
        viewer.index = 0  # live, and sent nothing else
    async with sweeping(crowd):
        await until(lambda: all(viewer.told("expiring") for viewer in crowd))
    assert 0 < busiest.most <= VIEWERS_AT_ONCE


async def test_thousands_who_are_not_live_yet_are_reassured_a_few_at_a_time(often, busiest):
    crowd = [Counted(busiest) for _ in range(CROWD)]
    async with sweeping(crowd):
        await until(lambda: all(sse.HEARTBEAT in viewer.pieces for viewer in crowd))
    assert 0 < busiest.most <= VIEWERS_AT_ONCE


async def test_thousands_who_are_stalled_are_closed_a_few_at_a_time(often, busiest):
    crowd = [Counted(busiest) for _ in range(CROWD)]
    for viewer in crowd:
        viewer.paused(asyncio.get_running_loop().time() - 3_600)
    async with sweeping(crowd):
        await until(lambda: all(viewer.aborted for viewer in crowd))
    assert 0 < busiest.most <= VIEWERS_AT_ONCE
    assert not any(viewer.ended for viewer in crowd)


async def test_thousands_of_videos_get_their_heartbeats_a_few_at_a_time(often, busiest):
    videos: dict[str, OpenVideo] = {}
    for place in range(1_000):
        channel = Channel(0, f"v{place}", Pacer())
        channel.join(Counted(busiest), 0)
        videos[channel.video] = OpenVideo(channel, None)  # type: ignore[arg-type]
    async with sweeping([], videos):
        await until(lambda: all(viewer.pieces for video in videos.values() for viewer in video.channel.viewers))
    assert 0 < busiest.most <= 2 * VIDEOS_AT_ONCE  # those of two slices may be written to in the same turn


async def test_thousands_whose_key_is_withdrawn_come_back_over_time(busiest):
    crowd = [Counted(busiest) for _ in range(CROWD)]
    key = object()
    for viewer in crowd:
        viewer.identity = Identity("ann", FOR_EVER, key=key)  # type: ignore[arg-type]
    admission = Admission(Settings(), *[None] * 4)  # type: ignore[arg-type]
    admission.viewers = dict.fromkeys(crowd)
    admission.keys_changed(frozenset())
    await until(lambda: all(viewer.ended for viewer in crowd))
    assert 0 < busiest.most <= VIEWERS_AT_ONCE
    check_spread(crowd)


def test_a_crowd_is_spread_within_bounds_and_a_few_are_not():
    assert spread(RETRY_MS, 0) == spread(RETRY_MS, 1_500) == RETRY_MS
    assert spread(RETRY_MS, 18_000) == (1_000, 19_000)
    assert spread(RETRY_MS, 10**6) == (1_000, LAST_RETURN_MS)


@pytest.mark.parametrize(("due", "at_once"), [(True, 7), (False, LOOKED_AT_AT_ONCE)], ids=["all due", "none due"])
async def test_others_have_their_turn_between_those_who_are_gone_through(due: bool, at_once: int):
    done: list[int] = []
    seen: list[int] = []

    async def other() -> None:
        while True:
            seen.append(len(done))
            await asyncio.sleep(0)

    def do(one: int) -> bool:
        done.append(one)
        return due

    watching = asyncio.create_task(other())
    await in_turns(range(10 * LOOKED_AT_AT_ONCE if not due else 70), do, 7)
    watching.cancel()
    assert max(after - before for before, after in itertools.pairwise(seen)) == at_once
    assert done == sorted(done)
