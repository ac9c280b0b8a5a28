"""The hook for an outside classifier: what it says counts, and while it fails it costs nobody any time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from wire.problem import Refused
from writer.classifier import BROKEN_S, FAILURES_TO_BREAK, MAX_AT_ONCE, MAX_OF_USER, Breaker, Circuit, Classifier
from writer.limits import USER_BURST

TIMEOUT_MS = 100


class Outside:
    """A classifier on a port of its own. `answer` is what it says; `asked` what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.answer: Any = {"allow": True}
        self.status = 200
        self.delay_s = 0.0
        self.until = asyncio.Event()  # it answers once this is set
        self.until.set()
        self.url = ""

    async def serve(self, request: web.Request) -> web.Response:
        self.asked.append(await request.json())
        await asyncio.sleep(self.delay_s)
        await self.until.wait()
        return web.json_response(self.answer, status=self.status)


@pytest.fixture
async def outside() -> AsyncIterator[Outside]:
    made = Outside()
    app = web.Application()
    app.router.add_post("/", made.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
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


async def test_one_who_is_over_a_limit_has_nobody_asked_also_while_the_first_are_judged(start_writer, videos, outside):
    """A flooder must not be able to pass his flood on to the classifier, one after the other or all at once."""
    outside.delay_s = 0.2
    writer = await start_writer(classifier_url=outside.url, classifier_timeout_ms=2_000, user_rate=0.01)
    video = videos()
    answers = await asyncio.gather(*(writer.post(video, f"flood {number}") for number in range(5 * USER_BURST)))
    assert sorted({answer.status for answer in answers}) == [202, 429]
    assert len(outside.asked) == sum(answer.status == 202 for answer in answers) == USER_BURST
    for number in range(20):
        assert (await writer.post(video, f"more {number}")).body["code"] == "too_many"
    assert len(outside.asked) == USER_BURST


async def test_what_it_refuses_costs_its_author_a_rate_and_what_nobody_could_judge_does_not(
    start_writer, videos, outside
):
    settings = {"classifier_url": outside.url, "classifier_open": False, "user_rate": 0.01, "duplicate_window_s": 60}
    writer, video = await start_writer(**settings), videos()
    outside.answer = {"allow": False}
    codes = [(await writer.post(video, "foul", key=f"k{number}")).body["code"] for number in range(USER_BURST + 2)]
    assert codes == ["refused_content"] * USER_BURST + ["too_many"] * 2, "and it is never the same message again"
    outside.answer = None
    for _ in range(USER_BURST + 2):
        answer = await writer.post(video, "hello", user="patient", key="once")
        assert (answer.status, answer.body["code"]) == (503, "not_checked")
    outside.answer = {"allow": True}
    writer.service._classifier._breaker.answered()
    assert (await writer.post(video, "hello", user="patient", key="once")).status == 202


async def test_a_repeat_of_what_is_being_judged_is_told_what_the_first_is_and_nobody_is_asked_twice(
    start_writer, videos, outside
):
    outside.delay_s, outside.answer = 0.2, {"allow": False}
    writer = await start_writer(classifier_url=outside.url, classifier_timeout_ms=2_000, user_rate=0.01)
    video = videos()
    answers = await asyncio.gather(*(writer.post(video, "foul", key="k") for _ in range(3 * USER_BURST)))
    assert {answer.body["code"] for answer in answers} == {"refused_content"}
    assert len(outside.asked) == 1
    assert writer.service._posting._asked == {}


async def test_so_many_questions_are_under_way_of_all_and_of_one_user_and_who_waits_breaks_no_circuit(outside):
    classifier = Classifier(outside.url, 10, is_open=False)
    outside.until = asyncio.Event()
    try:
        mine = [asyncio.create_task(classifier.check("v", "eve", str(number))) for number in range(MAX_OF_USER)]
        others = [asyncio.create_task(classifier.check("v", f"u{n}", "hi")) for n in range(MAX_AT_ONCE)]
        async with asyncio.timeout(10):
            while len(outside.asked) < MAX_AT_ONCE:  # noqa: ASYNC110  another task counts
                await asyncio.sleep(0.01)
        with pytest.raises(Refused, match="too_many"):
            await classifier.check("v", "eve", "one more")
        assert len(outside.asked) == MAX_AT_ONCE
        for one in (mine[0], others[0]):
            one.cancel()
        outside.until.set()
        done = await asyncio.gather(*mine, *others, return_exceptions=True)
        assert len(outside.asked) <= MAX_AT_ONCE + MAX_OF_USER
        assert {type(one) for one in done if one is not None} <= {asyncio.CancelledError}
        assert classifier._breaker.circuit is Circuit.CLOSED
        assert not classifier._of_users
    finally:
        await classifier.close()


async def test_those_who_wait_too_long_for_their_turn_are_not_judged_and_the_next_one_is_asked(outside):
    """A crowd must not be able to have the classifier passed over for a while."""
    classifier = Classifier(outside.url, 0.05, is_open=False)
    try:
        for _ in range(MAX_AT_ONCE):
            await classifier._places.acquire()
        crowd = (classifier.check("v", f"u{number}", "hi") for number in range(2 * FAILURES_TO_BREAK))
        said = await asyncio.gather(*crowd, return_exceptions=True)
        assert {str(one) for one in said} == {"not_checked"}
        classifier._places.release()
        await classifier.check("v", "ada", "hi")
        assert [one["userId"] for one in outside.asked] == ["ada"]
    finally:
        await classifier.close()


async def test_a_slow_one_is_waited_for_so_long_and_after_some_failures_not_at_all(start_writer, videos, outside):
    outside.delay_s = 5
    writer, video = await start_writer(classifier_url=outside.url, classifier_timeout_ms=TIMEOUT_MS), videos()
    for _ in range(FAILURES_TO_BREAK):
        began = time.monotonic()
        assert (await writer.post(video)).status == 202
        assert TIMEOUT_MS / 1000 <= time.monotonic() - began < outside.delay_s / 2
    assert len(outside.asked) == FAILURES_TO_BREAK
    for _ in range(20):
        assert (await writer.post(video)).status == 202
    assert len(outside.asked) == FAILURES_TO_BREAK


def test_a_question_that_was_given_up_is_no_failure_and_leaves_a_broken_circuit_to_be_tried_again():
    breaker = Breaker()
    for _ in range(2 * FAILURES_TO_BREAK):
        assert breaker.lets_through(0)
        breaker.given_up(0)
    assert breaker.circuit is Circuit.CLOSED
    for _ in range(FAILURES_TO_BREAK):
        breaker.failed(0)
    assert breaker.lets_through(BROKEN_S)
    breaker.given_up(BROKEN_S)
    assert breaker.lets_through(2 * BROKEN_S), "not for ever"


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
