"""The hook for an outside classifier: what it says counts, and while it fails it costs nobody any time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from writer.classifier import BROKEN_S, FAILURES_TO_BREAK, Breaker, Circuit

TIMEOUT_MS = 100


class Outside:
    """A classifier on a port of its own. `answer` is what it says; `asked` what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.answer: Any = {"allow": True}
        self.status = 200
        self.delay_s = 0.0
        self.url = ""

    async def serve(self, request: web.Request) -> web.Response:
        self.asked.append(await request.json())
        await asyncio.sleep(self.delay_s)
        return web.json_response(self.answer, status=self.status)


@pytest.fixture
async def outside() -> AsyncIterator[Outside]:
    made = Outside()
    app = web.Application()
    app.router.add_post("/", made.serve)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    yield made
    await runner.cleanup()


async def test_it_is_shown_each_comment_but_moderators_and_what_it_refuses_is_not_stored(start_writer, videos, outside):
    writer, video = await start_writer(classifier_url=outside.url), videos()
    assert (await writer.post(video, "fine")).status == 202
    outside.answer = {"allow": False}
    answer = await writer.post(video, "foul", user="eve")
    assert (answer.status, answer.body["code"]) == (403, "refused_content")
    token = writer._tokens.issue("mod", 60, role="moderator", videos=[video])
    assert (await writer.post(video, "mine", token=token)).status == 202
    assert outside.asked == [
        {"video": video, "userId": "user", "message": "fine"},
        {"video": video, "userId": "eve", "message": "foul"},
    ]


@pytest.mark.parametrize(("answer", "status"), [({}, 200), ([], 200), ({"allow": "yes"}, 200), ({"allow": True}, 500)])
async def test_an_answer_that_is_none_counts_as_a_failure(start_writer, videos, outside, answer, status):
    outside.answer, outside.status = answer, status
    closed = await start_writer(classifier_url=outside.url, classifier_open=False)
    refused = await closed.post(videos(), "hello")
    assert (refused.status, refused.body["code"]) == (503, "not_checked")
    assert refused.headers["Retry-After"]
    assert (await (await start_writer(classifier_url=outside.url)).post(videos(), "hello")).status == 202


async def test_repeats_while_it_is_asked_are_the_same_comment_and_harm_no_other(start_writer, videos, outside):
    writer, video = await start_writer(classifier_url=outside.url, classifier_timeout_ms=2_000), videos()
    outside.delay_s = 0.2
    repeats = [writer.post(video, "once", key="k") for _ in range(5)]
    others = [writer.post(video, f"other {number}", user=f"user-{number}") for number in range(5)]
    answers = await asyncio.gather(*repeats, *others)
    assert {answer.status for answer in answers} == {202}
    assert len({answer.body["commentId"] for answer in answers[:5]}) == 1
    assert len({answer.body["commentId"] for answer in answers}) == 6


async def test_a_slow_one_is_waited_for_so_long_and_after_some_failures_not_at_all(start_writer, videos, outside):
    outside.delay_s = 5
    writer, video = await start_writer(classifier_url=outside.url, classifier_timeout_ms=TIMEOUT_MS), videos()
    for _ in range(FAILURES_TO_BREAK):
        began = time.monotonic()
        assert (await writer.post(video)).status == 202
        assert TIMEOUT_MS / 1000 <= time.monotonic() - began < 2
    assert len(outside.asked) == FAILURES_TO_BREAK
    for _ in range(20):
        assert (await writer.post(video)).status == 202
    assert len(outside.asked) == FAILURES_TO_BREAK


def test_a_broken_circuit_lets_one_question_through_after_a_while():
    breaker = Breaker()
    for _ in range(FAILURES_TO_BREAK):
        assert breaker.lets_through(0)
        breaker.failed(0)
    assert not breaker.lets_through(BROKEN_S - 0.1)
    assert breaker.lets_through(BROKEN_S)
    assert not breaker.lets_through(BROKEN_S)
    breaker.failed(BROKEN_S)
    assert not breaker.lets_through(BROKEN_S + 0.1)
    assert breaker.lets_through(2 * BROKEN_S)
    breaker.answered()
    assert breaker.circuit is Circuit.CLOSED
