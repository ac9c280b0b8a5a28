"""An acknowledged comment that did not come to an edge with viewers of its video is noticed."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from prometheus_client import REGISTRY

from edge.audit import LOOKS, EdgeAudit
from edge.channels import OpenVideo
from tests.edge.shard import VIDEO, Shard
from tests.edge.test_intake import Opened
from wire.audit import Acknowledged, encode_report
from wire.comment import encode_payload

GRACE_S = 0.02
COUNTED = ("audited", "lost", "differing", "unaudited")


def counted() -> list[float]:
    return [REGISTRY.get_sample_value(f"livecomments_{name}_comments_total", {"part": "edge"}) or 0 for name in COUNTED]


class Audited:
    """An edge with one video open, and what writers report of it."""

    def __init__(self) -> None:
        self.opened = Opened(Shard([10]))
        video = OpenVideo(self.opened.channel, self.opened.feed)
        self.audit = EdgeAudit(SimpleNamespace(is_connected=True), {VIDEO: video}, GRACE_S)  # type: ignore[arg-type]
        self._before = counted()

    async def bring(self, *copies: tuple[int, int]) -> None:
        for number, previous in copies:
            await self.opened.copies.bring(number, previous)

    async def report(self, *numbers: int, text: str = "m") -> None:
        acknowledged = Acknowledged()
        for number in numbers:
            acknowledged.add(number, encode_payload("u", f"{text}{number}"))
        data = encode_report({VIDEO: acknowledged, "not-here": acknowledged})
        await self.audit._heard(SimpleNamespace(data=data, subject="audit.0"))  # type: ignore[arg-type]

    async def counts(self) -> dict[str, float]:
        """What has been counted once every report has been compared."""
        async with asyncio.timeout(5):
            while self.audit._waiting:  # noqa: ASYNC110  nobody announces it
                await asyncio.sleep(GRACE_S / 4)
        return {
            name: now - then for name, now, then in zip(COUNTED, counted(), self._before, strict=True) if now != then
        }


@pytest.fixture
async def audited() -> Audited:
    made = Audited()
    await made.opened.open()
    return made


async def test_what_came_is_counted_and_nothing_is_lost(audited: Audited) -> None:
    await audited.bring((20, 10), (30, 20))
    await audited.report(30, 20)
    assert await audited.counts() == {"audited": 2}


async def test_a_copy_that_was_dropped_and_never_looked_for_is_noticed(audited: Audited) -> None:
    await audited.bring((20, 10), (40, 20))  # as if 30 had not been before it: no gap is seen, and none is filled
    await audited.report(20, 30, 40)
    assert await audited.counts() == {"audited": 3, "lost": 1}


async def test_a_last_copy_that_was_dropped_is_noticed(audited: Audited) -> None:
    await audited.report(20)
    assert await audited.counts() == {"audited": 1, "lost": 1}


async def test_a_copy_that_comes_late_is_not_lost(audited: Audited) -> None:
    await audited.report(20)
    await asyncio.sleep(GRACE_S * (LOOKS - 2))
    await audited.bring((20, 10))
    assert await audited.counts() == {"audited": 1}


async def test_a_comment_that_says_something_else_is_noticed(audited: Audited) -> None:
    await audited.bring((20, 10))
    await audited.report(20, text="n")
    assert await audited.counts() == {"audited": 1, "differing": 1}


async def test_what_was_before_the_video_was_opened_is_nothing_to_say_anything_about(audited: Audited) -> None:
    await audited.bring((20, 10))
    await audited.report(5, 10, 20)
    assert await audited.counts() == {"audited": 1, "unaudited": 2}


async def test_a_comment_that_was_removed_is_neither_lost_nor_something_else(audited: Audited) -> None:
    await audited.bring((11, 10), (12, 11), (13, 12))
    audited.opened.channel.ring.remove(12)
    await audited.report(11, 12, 13)
    assert await audited.counts() == {"audited": 3}


async def test_a_comment_that_was_removed_before_it_came_is_not_looked_for(audited: Audited) -> None:
    audited.audit._may_lack = lambda video, number: (video, number) == (VIDEO, 12)
    await audited.bring((11, 10), (13, 11))
    await audited.report(11, 12, 13)
    assert await audited.counts() == {"audited": 2, "unaudited": 1}
