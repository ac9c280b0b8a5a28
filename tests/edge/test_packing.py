"""Streams that are compressed once for all their viewers: every block can be shared, whatever stands before it."""

from __future__ import annotations

import asyncio
import zlib

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge import packing
from tests.edge.waiting import until
from wire.sse import EventParser

GZIP = 31
PIECES = st.lists(st.binary(max_size=300) | st.sampled_from([b'{"message":"hahaha"}' * 40, b":\n\n", b"x" * 70_000]))


@given(PIECES, st.data())
def test_blocks_read_back_in_whatever_stream_they_stand(pieces, data):
    kinds = [data.draw(st.sampled_from([packing.stored, packing.packed])) for _ in pieces]
    blocks = [kind(piece) for kind, piece in zip(kinds, pieces, strict=True)]
    for begin in range(min(len(blocks), 3) + 1):  # a viewer that joins late has other blocks before it, or none
        reader = zlib.decompressobj(GZIP)
        read = [reader.decompress(part) for part in (packing.STREAM_HEAD, *blocks[begin:])]
        assert read[1:] == pieces[begin:], "each piece is there as soon as its own blocks are"
        assert not reader.unconsumed_tail


def test_what_would_not_become_smaller_is_stored_and_what_repeats_is_a_fraction():
    noise = bytes(range(256)) * 2
    assert len(packing.packed(noise[:256])) <= 256 + 5
    assert len(packing.packed(b'{"commentId":"1790000000000000","userId":"ann","message":"hahaha"}' * 20)) < 200


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("gzip, deflate, br, zstd", True),
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", True),
        ("GZIP", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("identity", False),
        ("", False),
        (None, False),
    ],
)
def test_only_who_accepts_gzip_gets_it(header, accepted):
    assert packing.accepts_gzip(header) is accepted


@pytest.fixture(scope="module")
def packing_edge(start_edge):
    return start_edge(compress=True)


async def test_viewers_with_and_without_gzip_see_the_same_at_once(packing_edge, store, video, viewers):
    packed = await viewers.watch(packing_edge, video, headers={"Accept-Encoding": "gzip"})
    plain = await viewers.watch(packing_edge, video, headers={"Accept-Encoding": "identity"})
    assert packed.response.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.response.headers
    before = packing_edge.metric("livecomments_written_bytes_total")
    numbers = [await store.post(video, "alone"), *await store.post_many(video, 500)]
    await packed.has(numbers[-1])
    await plain.has(numbers[-1])
    assert packed.numbers == plain.numbers == numbers
    assert packed.messages == plain.messages
    both = packing_edge.metric("livecomments_written_bytes_total") - before
    raw = sum(len(event.data) for event in plain.events if event.name == "message")
    assert both < raw * 1.6  # the plain one in full, and the other in less than half


async def test_one_who_comes_back_compressed_gets_what_it_missed_and_goes_on(packing_edge, store, video, viewers):
    keeps_it_open = await viewers.watch(packing_edge, video)
    first = await store.post_many(video, 50)
    await keeps_it_open.has(first[-1])
    back = await viewers.watch(packing_edge, video, first[9], headers={"Accept-Encoding": "gzip"})
    then = await store.post_many(video, 20)
    await back.has(then[-1])
    assert back.numbers == [*first[10:], *then]


async def test_curl_reads_the_compressed_stream_as_it_comes(packing_edge, store, video, token):
    process = await asyncio.create_subprocess_exec(
        *("curl", "--silent", "--no-buffer", "--compressed", "--include", "--header", f"Authorization: Bearer {token}"),
        f"{packing_edge.url}/comments/{video}/stream",
        stdout=asyncio.subprocess.PIPE,
    )
    said = bytearray()

    async def read() -> None:
        while piece := await process.stdout.read(65536):
            said.extend(piece)

    reading = asyncio.create_task(read())
    try:
        await until(lambda: b"event: sync" in said)
        first = await store.post(video, "one alone, which is to come at once")
        await until(lambda: b"id: %d\n" % first in said)
        last = (await store.post_many(video, 100))[-1]
        await until(lambda: b"id: %d\n" % last in said)
    finally:
        process.terminate()
        await process.wait()
        await reading
    head, _, body = bytes(said).partition(b"\r\n\r\n")
    assert b"content-encoding: gzip" in head.lower()
    numbers = [int(event.last_id) for event in EventParser().feed(body) if event.name == "message"]
    assert len(numbers) == 101
    assert numbers == sorted(numbers)


async def test_it_is_off_unless_it_is_switched_on(start_edge, video, token):
    edge = start_edge()
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}", "Accept-Encoding": "gzip"}) as web,
        web.get(f"{edge.url}/comments/{video}/stream") as answer,
    ):
        assert "Content-Encoding" not in answer.headers
