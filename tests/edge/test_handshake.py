"""Requests for streams that meet trouble of ours: told to come back, in place of an error that ends browsers'."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edge.app import make_service
from edge.handshake import Handshakes
from runtime.settings import Settings
from tests.edge.defective import DEFECT
from tests.edge.waiting import until
from wire.problem import Refused
from wire.sse import CONTENT_TYPE, EventParser

PATH = "/comments/v/stream"


@pytest.fixture
def ask(make_settings: Callable[..., Settings]) -> Callable[..., Any]:
    """Return what asks an edge that fails before the first event, as it may while it is starting or in trouble."""

    async def get(failure: Exception, method: str = "GET", **headers: str) -> Any:
        edge = make_service(make_settings())

        async def fail(_video: str) -> None:
            raise failure

        edge.handshakes = Handshakes(fail, *[None] * 3, packs=False)  # type: ignore[arg-type]
        return await edge.app.test_client().open(PATH, method=method, headers=headers)

    return get


@pytest.mark.parametrize(
    ("failure", "reason"),
    [(Refused("unavailable"), "unavailable"), (RuntimeError("a defect"), "internal")],
    ids=["the issuer's keys have not been had yet", "a defect"],
)
@pytest.mark.parametrize("headers", [{}, {"Last-Event-ID": "7"}], ids=["the first time", "again"])
async def test_trouble_of_ours_is_told_in_a_stream(ask, failure, reason, headers):
    answers = [await ask(failure, **headers) for _ in range(6)]
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.content_type.partition(";")[0] for answer in answers} == {CONTENT_TYPE}
    waits = set()
    for answer in answers:
        parser = EventParser()
        [bye] = parser.feed(await answer.get_data())
        assert (bye.name, bye.json()) == ("bye", {"reason": reason})
        assert 5_000 <= parser.retry_ms <= 15_000
        waits.add(parser.retry_ms)
    assert len(waits) > 1, "a crowd would come back as one"


async def test_what_will_be_so_for_ever_is_refused_and_stops_whoever_comes_again(ask):
    assert (await ask(Refused("bad_video"))).status_code == 400
    assert (await ask(Refused("no_token"))).status_code == 401
    stopped = await ask(Refused("no_token"), **{"Last-Event-ID": "7"})
    assert (stopped.status_code, stopped.headers["Problem-Code"]) == (204, "no_token")


@pytest.mark.parametrize("server", ["defective", "defective streamed"])
async def test_one_whose_answer_had_begun_when_it_could_not_be_taken_in_is_told_and_not_kept(
    start_edge, server, video, viewers
):
    """Its connection is no longer the server's, so nobody else can answer it, or would ever end it."""
    edge = start_edge(server)
    streams = [await viewers.watch(edge, f"{DEFECT}-{video}", synced=False) for _ in range(5)]
    for stream in streams:
        await stream.end()
        assert stream.status == 200
        assert stream.told("bye") == [{"reason": "internal"}]
        assert 5_000 <= stream.retry_ms <= 15_000
    assert len({stream.retry_ms for stream in streams}) > 1, "a crowd would come back as one"
    await until(lambda: edge.metric("livecomments_viewers") == 0)
    opened, closed = (edge.metric(f"livecomments_streams_{what}_total") for what in ("opened", "closed"))
    assert opened == closed == 5
    assert edge.metric("livecomments_streams_refused_total", reason="internal") == 5
    assert "a viewer could not be taken in" in edge.log
    assert (await viewers.watch(edge, video)).told("sync")
