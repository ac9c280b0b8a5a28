import asyncio
import contextlib
import time

import orjson
import pytest
from aiohttp import web

from livecomments import client as client_module
from livecomments.client import Answer, Client, Interrupted, Opened, RefusedError, UnreachableError
from wire.problem import problem_body
from wire.sse import Event


def problem(code: str, status: int, **headers: str) -> web.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.Response(status=status, body=problem_body(code), content_type="application/problem+json", headers=named)


def answers(*responses):
    """Answer the first request with the first response, and so on. None cuts the connection."""
    asked = []
    left = list(responses)

    async def handle(request: web.Request) -> web.StreamResponse:
        asked.append((dict(request.headers), await request.read()))
        response = left.pop(0)
        if response is None:
            request.transport.abort()
            return web.Response()
        return response

    return handle, asked


def stored(number: int, status: int = 201) -> web.Response:
    return web.json_response({"commentId": str(number)}, status=status)


@pytest.mark.parametrize("status", [201, 202])
async def test_a_comment_that_is_stored_at_once_is_sent_once(serve, status):
    handle, asked = answers(stored(7, status))
    client = await serve(post=handle)
    assert await client.post("v", "hello 草", "the-token", "the-key") == Answer(status, 7, None, 0, 0)
    headers, body = asked[0]
    assert orjson.loads(body) == {"message": "hello 草"}
    assert headers["Idempotency-Key"] == "the-key"
    assert headers["Authorization"] == "Bearer the-token"
    assert headers["Content-Type"] == "application/json"


async def test_a_comment_whose_fate_is_unknown_is_repeated_with_its_key(serve):
    handle, asked = answers(
        problem("not_stored", 503, Retry_After="0"),
        None,
        problem("internal", 500),
        web.Response(status=502, text="<html>", headers={"Retry-After": "0"}),
        web.Response(status=504, headers={"Retry-After": "0"}),
        stored(9),
    )
    client = await serve(post=handle)
    assert await client.post("v", "x", "t", "the-key") == Answer(201, 9, None, 5, 0)
    assert {headers["Idempotency-Key"] for headers, _ in asked} == {"the-key"}
    assert len({body for _, body in asked}) == 1


async def test_a_comment_that_came_too_early_waits_as_long_as_told(serve):
    handle, _ = answers(problem("too_many", 429, Retry_After="1"), stored(9))
    client = await serve(post=handle)
    began = time.monotonic()
    assert await client.post("v", "x", "t", "k") == Answer(201, 9, None, 0, 1)
    assert time.monotonic() - began >= 1


@pytest.mark.parametrize(
    ("response", "status", "code"),
    [
        (problem("message_blank", 400), 400, "message_blank"),
        (problem("no_token", 401), 401, "no_token"),
        (web.Response(status=404, text="<html>nothing here</html>"), 404, "status_404"),
        (web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}), 302, "status_302"),
        (web.json_response(["no", "problem"], status=400), 400, "status_400"),
    ],
)
async def test_a_refusal_is_final_and_goes_by_its_code(serve, response, status, code):
    handle, asked = answers(response)
    client = await serve(post=handle)
    assert await client.post("v", "x", "t", "k") == Answer(status, None, code, 0, 0)
    assert len(asked) == 1


@pytest.mark.parametrize("body", [b"", b"hello", b"[]", b"{}", b'{"commentId":"x"}', b'{"commentId":null}'])
async def test_a_server_that_stores_without_a_number_is_not_believed(serve, body):
    handle, asked = answers(web.Response(status=201, body=body))
    client = await serve(post=handle)
    with pytest.raises(UnreachableError):
        await client.post("v", "x", "t", "k")
    assert len(asked) == 1


async def test_patience_ends_before_a_key_does(monkeypatch, unused_tcp_port):
    monkeypatch.setattr(client_module, "PATIENCE_S", 0.6)
    async with Client(f"http://127.0.0.1:{unused_tcp_port}") as client:
        with pytest.raises(UnreachableError, match="Connection refused"):
            await client.post("v", "x", "t", "k")


async def test_history_is_read_page_by_page_to_its_end(serve):
    handle, asked = answers(
        web.json_response({"comments": [{"id": "1"}, {"id": "2"}], "nextCursor": "2"}),
        web.json_response({"comments": [{"id": "5"}], "nextCursor": None}),
    )
    client = await serve(get=handle)
    assert [item["id"] async for item in client.history("v", "t")] == ["1", "2", "5"]
    assert len(asked) == 2


@pytest.mark.parametrize(("sort", "beyond", "not_beyond"), [("asc", "3", "2"), ("desc", "1", "2"), ("asc", "3", "1")])
async def test_pages_that_go_round_in_circles_are_not_read_for_ever(serve, sort, beyond, not_beyond):
    def to(cursor: str) -> web.Response:
        return web.json_response({"comments": [{"id": cursor}], "nextCursor": cursor})

    handle, asked = answers(to("2"), to(not_beyond), to(not_beyond))
    client = await serve(get=handle)
    with pytest.raises(UnreachableError, match="not beyond it"):
        _ = [item async for item in client.history("v", "t", sort=sort)]
    assert len(asked) == 2
    handle, asked = answers(to("2"), to(beyond), web.json_response({"comments": [], "nextCursor": None}))
    client = await serve(get=handle)
    assert [item["id"] async for item in client.history("v", "t", sort=sort)] == ["2", beyond]


async def test_a_page_that_is_none_is_told_as_another_kind_of_server(serve):
    handle, _ = answers(web.Response(text="<html>hello</html>"))
    client = await serve(get=handle)
    with pytest.raises(UnreachableError, match="not as a live comments server"):
        await client.page("v", "t")


def streams(*bodies):
    """Stream the first body to the first viewer, and so on; the last stays open. Notes the positions asked for."""
    positions = []
    left = list(bodies)

    async def handle(request: web.Request) -> web.StreamResponse:
        positions.append(request.headers.get("Last-Event-ID"))
        body = left.pop(0)
        if isinstance(body, web.Response):
            return body
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for piece in body:
            await response.write(piece)
        if left:
            request.transport.close()
        else:
            await asyncio.sleep(60)
        return response

    return handle, positions


async def collect(client: Client, until: str, position: str = "") -> list[Event | Opened | Interrupted]:
    seen = []
    async with contextlib.aclosing(client.follow("v", lambda: "t", position)) as events:
        async for event in events:
            seen.append(event)
            if isinstance(event, Event) and event.last_id == until:
                return seen
    raise AssertionError("a stream is followed for ever")


def ids(seen):
    return [event.last_id for event in seen if isinstance(event, Event)]


async def test_a_stream_is_opened_again_after_the_last_event_that_came_whole(serve):
    handle, positions = streams(
        [b"retry: 1\n\nid: 5\ndata: {}\n\nid: 6\ndata: {}\n\nid: 7\nda"],
        [b"retry: 1\n\nid: 7\ndata: {}\n\n", b":\n\n"],
        [b"retry: 1\n\n"],
        [b"id: 8\ndata: {}\n\n"],
    )
    client = await serve(stream=handle)
    seen = await collect(client, "8", position="4")
    assert positions == ["4", "6", "7", "7"]
    assert ids(seen) == ["5", "6", "7", "8"]
    assert [event.position for event in seen if isinstance(event, Opened)] == positions


async def test_a_position_also_moves_with_an_event_that_is_no_comment(serve):
    handle, positions = streams(
        [b'retry: 1\n\nid: 9\nevent: sync\ndata: {"complete":true}\n\n'], [b"id: 10\ndata: {}\n\n"]
    )
    await collect(await serve(stream=handle), "10")
    assert positions == [None, "9"]


async def test_a_stream_waits_as_long_as_the_server_asked_for(serve):
    handle, _ = streams([b"retry: 700\n\n"], [b"id: 1\ndata: {}\n\n"])
    client = await serve(stream=handle)
    began = time.monotonic()
    seen = await collect(client, "1")
    assert time.monotonic() - began >= 0.7
    assert [event.wait_s >= 0.7 for event in seen if isinstance(event, Interrupted)] == [True]


async def test_a_server_that_is_away_for_a_moment_is_tried_again(serve):
    handle, positions = streams(
        problem("unavailable", 503, Retry_After="0"),
        problem("too_many_requests", 429, Retry_After="0"),
        web.Response(text="<html>", content_type="text/html", headers={"Retry-After": "0"}),
        [b"id: 1\ndata: {}\n\n"],
    )
    seen = await collect(await serve(stream=handle), "1")
    assert positions == [None] * 4
    assert [event.reason for event in seen if isinstance(event, Interrupted)] == [
        "503 unavailable",
        "429 too_many_requests",
        "200 status_200",
    ]


@pytest.mark.parametrize(
    ("code", "status"), [("no_token", 401), ("wrong_video", 403), ("bad_video", 400), ("not_found", 404)]
)
async def test_a_viewer_who_is_refused_for_good_does_not_come_back(serve, code, status):
    handle, _ = streams(problem(code, status), [])
    with pytest.raises(RefusedError, match=code):
        await collect(await serve(stream=handle), "never")


async def test_a_stream_in_which_a_line_does_not_end_is_given_up(serve):
    handle, _ = streams([b"retry: 1\n\ndata: ", *[b"x" * 65536] * 20], [b"id: 1\ndata: {}\n\n"])
    seen = await collect(await serve(stream=handle), "1")
    assert ids(seen) == ["1"]
