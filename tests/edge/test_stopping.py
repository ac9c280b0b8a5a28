"""An edge that is told to stop sends its viewers away in good order, and ends in time whatever they do."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable

import aiohttp
import pytest

from runtime.jetstream.connection import START_WAIT_S
from runtime.service import STOP_GRACE_S
from tests.edge.edge_process import EdgeProcess
from tests.edge.raw import Raw, request
from tests.edge.waiting import until
from tests.proxy import NatsProxy

WITHIN_S = 15.0


async def stop(edge: EdgeProcess) -> tuple[int, float]:
    """Tell the edge to stop; return its exit code, and how long it took."""
    began = time.monotonic()
    edge.tell(signal.SIGTERM)
    code = await asyncio.to_thread(edge.wait, WITHIN_S)
    return code, time.monotonic() - began


@pytest.mark.parametrize("server", ["handover", "streamed", "hypercorn"])
async def test_every_viewer_is_told_why_and_when_to_come_back_and_the_edge_ends_well(
    start_edge, server, store, video, viewers
):
    edge = start_edge(server)
    streams = [await viewers.watch(edge, f"{video}-{place % 3}") for place in range(40)]
    last = await store.post(f"{video}-0")
    await streams[0].has(last)
    stopping = asyncio.create_task(stop(edge))
    for stream in streams:
        await stream.end()
        assert stream.events[-1].name == "bye"
        assert stream.events[-1].json() == {"reason": "drain"}
        assert 1_000 <= stream.retry_ms <= 3_000
        assert stream.failure is None
    code, took_s = await stopping
    assert code == 0
    assert took_s < STOP_GRACE_S, "it did not wait for anybody"
    assert len({stream.retry_ms for stream in streams}) > 10
    assert "Traceback" not in edge.log


@pytest.mark.parametrize("server", ["handover", "streamed"])
async def test_neither_one_who_never_reads_nor_one_in_a_deep_replay_holds_up_the_end(
    start_edge, server, store, video, token, viewers
):
    edge = start_edge(server, stall_s=60)
    stuck = await Raw.open(edge, request(f"{video}-other", token))
    await stuck.read_until(b"event: sync")
    # Without handover the kernel takes in some 4 MB for it.
    await store.post_many(f"{video}-other", 1_000 if server == "handover" else 9_000, "x" * 480)
    position = await store.post(video)
    await store.post_many(video, 3_000, "x" * 480)
    replaying = await Raw.open(edge, request(video, token, extra=f"Last-Event-ID: {position}\r\n"))
    await replaying.read_until(b"id: ")
    reading = await viewers.watch(edge, video)
    code, took_s = await stop(edge)
    assert code == 0
    assert took_s < WITHIN_S
    await reading.end()
    assert reading.told("bye") == [{"reason": "drain"}]
    for connection in (stuck, replaying):
        await connection.read_to_end()
        assert b"event: bye" not in connection.got or b"\nid: " not in connection.got.rpartition(b"event: bye")[2]
        connection.close()


async def test_one_who_comes_while_the_edge_stops_is_told_to_come_back(start_edge, store, video, token, viewers):
    for attempt in range(3):
        edge = start_edge(stall_s=60)
        stuck = await Raw.open(edge, request(video, token))  # keeps the edge from being done at once
        await stuck.read_until(b"event: sync")
        for _ in range(3):
            await store.post_many(video, 1_000, "x" * 480)
        stopping = asyncio.create_task(stop(edge))
        await until(lambda edge=edge: '"stopping"' in edge.log)
        try:
            late = await viewers.watch(edge, video, synced=False)
        except aiohttp.ClientConnectorError:  # too late: it waits for a second
            assert attempt < 2
            await stopping
            stuck.close()
            continue
        break
    assert late.status == 200
    await late.end()
    assert late.told("bye") == [{"reason": "drain"}]
    assert 1_000 <= late.retry_ms <= 3_000
    assert (await stopping)[0] == 0
    stuck.close()


async def test_an_edge_without_nats_stops_in_time_too(
    start_edge: Callable[..., EdgeProcess], nats_proxy: NatsProxy, store, video, viewers
):
    edge = start_edge(nats_url=nats_proxy.url)
    try:
        live = await viewers.watch(edge, video)
        nats_proxy.cut()
        waiting = await viewers.watch(edge, f"{video}-new", synced=False)
        code, took_s = await stop(edge)
        assert code == 0
        assert took_s < WITHIN_S
        for stream in (live, waiting):
            await stream.end()
            assert stream.told("bye") == [{"reason": "drain"}]
    finally:
        nats_proxy.restore()


async def test_an_edge_that_still_waits_for_nats_at_its_start_stops_at_once(
    start_edge: Callable[..., EdgeProcess], nats_proxy: NatsProxy
):
    nats_proxy.cut()
    try:
        edge = start_edge(nats_url=nats_proxy.url, until_it_answers=False)
        await until(lambda: bool(edge.log))  # it has said that it cannot connect: its loop runs
        code, took_s = await stop(edge)
        assert code == 0
        assert took_s < START_WAIT_S / 3, "it did not go on waiting"
    finally:
        nats_proxy.restore()


async def test_health_says_that_an_edge_is_stopping(start_edge, store, video, token, viewers):
    edge = start_edge(stall_s=60)
    async with viewers.session.get(f"{edge.url}/readyz") as answer:
        assert answer.status == 200
    stuck = await Raw.open(edge, request(video, token))
    await stuck.read_until(b"event: sync")
    for _ in range(16):  # more than all the buffers on the way take in
        await store.post_many(video, 1_000, "x" * 480)
    stopping = asyncio.create_task(stop(edge))
    await until(lambda: '"stopping"' in edge.log)

    async def ask(path: str) -> tuple[int, str]:
        async with viewers.session.get(edge.url + path) as answer:
            return answer.status, await answer.text()

    # All at once: the edge does not wait long for a viewer that does not read.
    answers = await asyncio.gather(ask("/readyz"), ask("/readyz?stopping=404"), ask("/healthz"))
    assert answers == [(503, "stopping\n"), (404, "stopping\n"), (200, "ok\n")]
    await stopping
    stuck.close()
