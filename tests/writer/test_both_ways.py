"""POST by the middleware and POST by Quart alone: the same answers, to the byte."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from runtime import hot_route
from runtime.hot_route import HotRoute
from tests.in_process import say, serving
from tests.writer.conftest import stored
from wire import subjects
from writer.app import make_service

HELLO = b'{"message":"hello"}'


class BothWays:
    """One writer, at two ports: with its middleware, and without."""

    def __init__(self, service, hot: int, plain: int, token: str) -> None:
        self.service = service
        self.hot = hot
        self.plain = plain
        self.token = token.encode()

    def request(self, video: str = "v", *, method="POST", body=HELLO, chunked=False, version="1.1", **fields) -> bytes:
        headers = {"Host": "h", "Connection": "close", "Content-Type": "application/json"}
        headers |= {"Authorization": f"Bearer {self.token.decode()}"}
        headers |= {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(len(body))}
        headers |= {name.replace("_", "-"): value for name, value in fields.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value is not None)
        if chunked:
            body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in chunked) + b"0\r\n\r\n"
        return f"{method} /comments/{video} HTTP/{version}\r\n{head}\r\n".encode("latin-1") + body

    async def same(self, *pieces: bytes, **options) -> bytes:
        """What both answer."""
        hot = await say(self.hot, *pieces, **options)
        plain = await say(self.plain, *pieces, **options)
        assert hot == plain
        return hot


@pytest.fixture(scope="module")
async def start_both(make_settings, streams, tokens):
    async with AsyncExitStack() as stack:

        async def start(**changes) -> BothWays:
            none = {"user_rate": 0, "user_total_rate": 0, "posts_per_address": 0, "archive_wait_ms": 0}
            service = make_service(make_settings(**{**none, **changes}))
            await service.start()
            stack.push_async_callback(service.stop)
            hook = service.app.asgi_app
            assert isinstance(hook, HotRoute)
            hot = await stack.enter_async_context(serving(service.app))
            plain = await stack.enter_async_context(serving(hook.rest))
            return BothWays(service, hot, plain, tokens.issue("user", 600))

        yield start


@pytest.fixture(scope="module")
async def both(start_both) -> BothWays:
    return await start_both(origins=("https://here.example",), guests=True)


def cookie(both: BothWays, **fields):
    return {"Authorization": None, "Cookie": f"a=b; livecomments_token={both.token.decode()}; c=d", **fields}


@pytest.mark.parametrize(
    ("status", "request_"),
    [
        (400, {"video": "a.b"}),
        (400, {"video": "x" * 65}),
        (400, {"video": "%C3%A9"}),
        (404, {"video": ""}),
        (404, {"video": "v/"}),
        (404, {"video": "v/w"}),
        (405, {"method": "GET"}),
        (405, {"method": "HEAD"}),
        (405, {"method": "PUT"}),
        (200, {"method": "OPTIONS"}),
        (401, {"Authorization": None}),
        (401, {"Authorization": "Bearer x"}),
        (401, {"Authorization": "Bearer \xff"}),
        (401, {"Authorization": "Basic x"}),
        (401, {"Authorization": ""}),
        (415, {"Content_Type": None}),
        (415, {"Content_Type": "text/plain"}),
        (413, {"body": b" " * 8_193}),
        (413, {"body": b"", "Content_Length": "8193"}),
        (413, {"chunked": [b" " * 4_096] * 3}),
        (400, {"chunked": [b"{", b"}"]}),
        (400, {"Idempotency_Key": "x" * 65}),
        (400, {"Idempotency_Key": "\xe9"}),
        (400, {"Idempotency_Key": ""}),
        (400, {"body": b""}),
        (400, {"body": b"{"}),
        (400, {"body": b"\xff"}),
        (400, {"body": b"[]"}),
        (400, {"body": b'{"message":1}'}),
        (400, {"body": b'{"message":" "}'}),
        (400, {"body": b'{"message":"\\u0000"}'}),
        (400, {"body": b'{"message":"%b"}' % (b"x" * 501)}),
        (400, {"body": b"{", "version": "1.0"}),
        (400, {"body": b"{", "Content_Length": "1, 1"}),
    ],
)
async def test_what_is_refused_is_refused_in_the_same_words(both, status, request_):
    said = await both.same(both.request(**request_))

    assert said.split(maxsplit=2)[1] == b"%d" % status


async def test_what_is_taken_is_answered_in_the_same_words(both, videos):
    for n, fields in enumerate(
        (
            {},
            {"Content_Type": "Application/JSON; charset=utf-8"},
            {"chunked": [HELLO[:5], HELLO[5:]]},
            {"version": "1.0"},
            {"aUTHORIZATION": f"bearer  {both.token.decode()} "},
            cookie(both, Origin="https://here.example"),
        )
    ):
        said = await both.same(both.request(videos(), Idempotency_Key=f"key {n}", **fields))
        assert said.split(maxsplit=2)[1] == b"202", said


async def test_a_cookie_speaks_for_the_same_pages(both):
    for fields in ({}, {"Origin": "https://there.example"}, {"Origin": "null"}, {"Cookie": "livecomments_token="}):
        said = await both.same(both.request(**{**cookie(both), **fields}))
        assert said.split(maxsplit=2)[1] in (b"401", b"403"), said


async def test_a_header_that_comes_twice_counts_the_same(both, videos):
    twice = both.request(videos(), Idempotency_Key="first").replace(
        b"\r\n\r\n", b"\r\nIdempotency-Key: second\r\n\r\n", 1
    )
    first = await both.same(twice)
    assert first == await both.same(twice.replace(b"second", b"third!"))
    cookies = both.request(**cookie(both, Cookie="a=b", Origin="https://here.example"), body=b"{")
    one_more = b"\r\nCookie: livecomments_token=%b\r\n\r\n" % both.token
    assert b"not_json" in await both.same(cookies.replace(b"\r\n\r\n", one_more, 1))


async def test_a_limit_is_told_in_the_same_words(start_both, videos):
    both = await start_both(user_rate=0.001)
    video = videos()
    for n in range(10):
        assert b" 202 " in await say(both.hot, both.request(video, Idempotency_Key=f"{n}"))

    def without_seconds(said: bytes) -> bytes:
        return b"\r\n".join(line for line in said.split(b"\r\n") if not line.startswith(b"retry-after: "))

    hot, plain = [await say(port, both.request(video)) for port in (both.hot, both.plain)]
    assert b"too_many" in hot
    assert without_seconds(hot) == without_seconds(plain)
    assert hot.count(b"retry-after: ") == plain.count(b"retry-after: ") == 1


async def test_the_address_that_a_trusted_proxy_names_is_the_one_that_counts(start_both):
    both = await start_both(posts_per_address=0.001)
    for n in range(10):
        port = (both.hot, both.plain)[n % 2]
        assert b"not_json" in await say(port, both.request(body=b"{", X_Forwarded_For="192.0.2.1"))
    for port in (both.hot, both.plain):
        assert b"too_many" in await say(port, both.request(body=b"{", X_Forwarded_For="192.0.2.1"))
        assert b"not_json" in await say(port, both.request(body=b"{", X_Forwarded_For="192.0.2.2"))


async def test_a_body_that_does_not_come_is_waited_for_no_longer_than_said(both, monkeypatch):
    monkeypatch.setattr(hot_route, "BODY_TIMEOUT_S", 0.2)
    monkeypatch.setitem(both.service.app.config, "BODY_TIMEOUT", 0.2)
    head, _, body = both.request().partition(b"\r\n\r\n")

    hot, plain = await asyncio.gather(
        *(_until_answered(port, head + b"\r\n\r\n" + body[:3]) for port in (both.hot, both.plain))
    )

    assert b"too_slow" in hot
    assert hot == plain


async def _until_answered(port: int, said: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)
    answer = await asyncio.wait_for(reader.readuntil(b"}"), 10)
    writer.close()
    return answer


async def test_a_client_that_expects_100_is_told_to_go_on(both, videos):
    head, _, body = both.request(videos(), Expect="100-continue").partition(b"\r\n\r\n")
    for port in (both.hot, both.plain):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head + b"\r\n\r\n")
        assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10) == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        assert b" 202 " in await asyncio.wait_for(reader.read(), 10)
        writer.close()


async def test_requests_that_come_at_once_are_answered_in_their_order(both, reader, videos):
    video = videos(shard=0)
    keep = {"Connection": "keep-alive"}
    bodies = [b'{"message":"text %d"}' % n for n in range(20)]
    at_once = [both.request(video, body=body, **keep) for body in bodies]
    at_once.insert(7, both.request(video, body=b"{", **keep))
    at_once.insert(3, both.request(video, method="GET", body=b"", **keep))

    said = await say(both.hot, b"".join(at_once) + both.request(video, body=b"[]"))

    statuses = [int(piece[1:4]) for piece in said.split(b"HTTP/1.1")[1:]]
    assert statuses == [202] * 3 + [405] + [202] * 4 + [400] + [202] * 13 + [400]
    texts = [message.payload.rpartition(b'"message":"')[2][:-2] for message in await stored(reader, 0, video)]
    assert texts == [b"text %d" % n for n in range(20)]


async def test_a_client_that_leaves_costs_nothing_and_its_comment_is_stored(start_both, connection, reader, videos):
    both, video = await start_both(archive_wait_ms=20_000), videos(shard=0)
    heard = await connection.subscribe(subjects.stored(0))
    await connection.flush()
    _, writer = await asyncio.open_connection("127.0.0.1", both.hot)
    writer.write(both.request(video, Idempotency_Key="k"))
    number = (await heard.next_msg(timeout=5)).data
    writer.transport.abort()
    half, head = both.request(video)[:-5], both.request(video).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    for said in (half, head):
        _, leaving = await asyncio.open_connection("127.0.0.1", both.hot)
        leaving.write(said)
        await leaving.drain()
        leaving.transport.abort()

    await connection.publish(subjects.archived(0), number)

    assert b'{"commentId":"%b"}' % number in await both.same(both.request(video, Idempotency_Key="k"))
    assert len(await stored(reader, 0, video)) == 1


async def test_a_failure_of_ours_says_nothing_of_itself(both, monkeypatch):
    def broken(*_):
        raise RuntimeError("a secret of ours")

    monkeypatch.setattr("writer.posting.parse_body", broken)

    said = await both.same(both.request())

    assert b" 500 " in said
    assert b"secret" not in said
