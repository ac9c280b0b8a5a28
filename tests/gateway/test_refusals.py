"""What the gateway refuses, and how it says so when a part is away, broken or silent."""

import asyncio
import subprocess

import pytest

from tests.gateway.conftest import until
from wire.message import MAX_BODY_BYTES
from wire.problem import CONTENT_TYPE


async def problem_of(response):
    """The code of a problem, after what every problem has was checked."""
    assert response.content_type == CONTENT_TYPE
    assert response.headers["Cache-Control"] == "no-store"
    body = await response.json(content_type=CONTENT_TYPE)
    assert body["status"] == response.status
    if response.status >= 502:
        assert int(response.headers["Retry-After"]) >= 1
    return response.status, body["code"]


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/metrics", "/metrics/", "/METRICS", "//readyz", "/%68ealthz", "/healthz?x=1"]
)
async def test_what_is_internal_is_not_there_for_the_public(gateway, path):
    # A URL that is given as it is: the client would otherwise tidy it.
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.gateway.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b'"code":"not_found"' in answer


@pytest.mark.parametrize("method", ["PATCH", "TRACE", "PURGE"])
@pytest.mark.parametrize(
    ("path", "taken"),
    [
        ("/", "GET, HEAD, OPTIONS"),
        ("/comments/v", "GET, HEAD, OPTIONS, POST"),
        ("/comments/v/stream", "GET, HEAD, OPTIONS"),
        ("/guests", "OPTIONS, POST"),
    ],
)
async def test_a_method_that_nobody_takes_is_refused_with_those_that_are_taken(gateway, method, path, taken):
    async with gateway.session.request(method, path) as response:
        assert await problem_of(response) == (405, "method_not_allowed")
        assert response.headers["Allow"] == taken


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_larger_than_a_comment_can_be_is_refused_before_a_writer_sees_it(gateway, chunked):
    async def pieces():
        yield b"x" * MAX_BODY_BYTES
        yield b"x"

    async with gateway.session.post("/comments/v", data=pieces() if chunked else b"x" * 1_000_000) as response:
        assert await problem_of(response) == (413, "body_too_large")


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_of_the_largest_size_gets_through(gateway, chunked):
    async def pieces():
        yield b"x" * (MAX_BODY_BYTES - 1)
        yield b"x"

    async with gateway.session.post("/comments/v", data=pieces() if chunked else b"x" * MAX_BODY_BYTES) as response:
        assert (await response.json())["body"] == MAX_BODY_BYTES


async def test_a_body_that_does_not_come_is_waited_for_only_so_long(start_gateway):
    gateway = await start_gateway({"wait-for-body time 10s": "wait-for-body time 300ms"})

    async def slow():
        yield b"x"
        await asyncio.sleep(30)

    async with gateway.session.post("/comments/v", data=slow(), headers={"Content-Length": "10"}) as response:
        assert await problem_of(response) == (408, "too_slow")


@pytest.mark.parametrize(
    ("part", "method", "path"),
    [("writer", "POST", "/comments/v"), ("history", "GET", "/comments/v"), ("history", "GET", "/")],
)
async def test_while_no_part_of_a_kind_is_there_the_answer_is_503_and_the_others_go_on(gateway, part, method, path):
    await gateway.parts[part].stop()
    async with gateway.session.request(method, path) as response:
        assert await problem_of(response) == (503, "unavailable")
    async with gateway.session.get("/comments/v/snapshot") as response:
        assert response.status == 200
    await gateway.parts[part].start()

    async def is_back():
        async with gateway.session.request(method, path) as response:
            return response.status == 200

    await until(is_back)


async def test_a_part_that_hangs_up_without_an_answer_makes_a_502(gateway):
    async with gateway.session.post("/comments/broken") as response:
        assert await problem_of(response) == (502, "bad_gateway")


async def test_a_part_that_says_nothing_makes_a_504(start_gateway):
    gateway = await start_gateway({"timeout server 20s": "timeout server 300ms"})
    async with gateway.session.post("/comments/silent") as response:
        assert await problem_of(response) == (504, "gateway_timeout")


async def test_a_request_that_was_sent_to_a_part_is_not_sent_again(gateway):
    requests = 0
    writer = gateway.parts["writer"]

    async def count_and_hang_up(request):
        nonlocal requests
        requests += 1
        request.transport.abort()

    writer.before_echo = count_and_hang_up
    async with gateway.session.post("/comments/v") as response:
        assert response.status == 502
    assert requests == 1


async def test_a_second_gateway_on_the_same_port_does_not_start(gateway):
    program = gateway.gateway.program()
    second = await asyncio.create_subprocess_exec(
        *program.full_command(), env=dict(program.environment), stderr=subprocess.PIPE
    )
    async with asyncio.timeout(20):
        _, errors = await second.communicate()
    assert second.returncode != 0
    assert b"Address already in use" in errors


async def test_an_address_that_asks_too_often_is_told_to_wait_and_streams_to_come_back(start_gateway):
    gateway = await start_gateway(rules={"GATEWAY_REQUESTS_PER_10S": "60"})
    statuses = []
    for _ in range(80):
        async with gateway.session.get("/comments/v") as response:
            statuses.append(response.status)
            last = response
            if response.status == 429:
                assert await problem_of(response) == (429, "too_many_requests")
    assert statuses[:20] == [200] * 20
    assert statuses[-1] == 429
    assert last.headers["Retry-After"] == "10"
    async with gateway.session.get("/comments/v/stream") as response:
        assert response.status == 200, "any other status would end an EventSource for good"
        assert b'"reason":"full"' in await response.read()


async def test_an_address_that_keeps_too_many_streams_open_gets_no_more_but_can_post_and_read(start_gateway):
    gateway = await start_gateway(rules={"GATEWAY_STREAMS_PER_ADDRESS": "3"})
    streams = [await gateway.session.get("/comments/v/stream") for _ in range(3)]
    assert ["Part" in stream.headers for stream in streams] == [True] * 3
    waits = set()
    for _ in range(5):
        async with gateway.session.get("/comments/v/stream") as response:
            assert response.status == 200, "any other status would end an EventSource for good"
            told = await response.read()
            assert b'"reason":"full"' in told
            waits.add(told.partition(b"\n")[0])
    assert len(waits) > 1, "all would come back at once"
    for method, path in (("POST", "/comments/v"), ("GET", "/comments/v"), ("GET", "/")):
        async with gateway.session.request(method, path) as response:
            assert response.status == 200
    for stream in streams:
        stream.close()

    async def has_room():
        async with gateway.session.get("/comments/v/stream") as response:
            return "Part" in response.headers

    await until(has_room)


async def test_an_address_that_keeps_too_many_requests_open_gets_no_more_but_can_watch(start_gateway):
    gateway = await start_gateway(rules={"GATEWAY_STREAMS_PER_ADDRESS": "3"})
    silent = [asyncio.create_task(gateway.session.post("/comments/silent")) for _ in range(3)]

    async def all_are_open():
        return gateway.parts["writer"].kept_waiting == 3

    await until(all_are_open)
    async with gateway.session.get("/comments/v") as response:
        assert await problem_of(response) == (429, "too_many_requests")
    async with gateway.session.get("/comments/v/stream") as response:
        assert "Part" in response.headers
    for task in silent:
        task.cancel()
    await asyncio.wait(silent)


async def test_only_a_proxy_of_the_list_says_who_a_client_is(start_gateway):
    for rules, expected in (
        ({}, "127.0.0.1"),
        ({"GATEWAY_PROXIES": ""}, "127.0.0.1"),  # as compose.yaml has it where nothing else is said
        ({"GATEWAY_PROXIES": "192.0.2.1"}, "127.0.0.1"),
        ({"GATEWAY_PROXIES": "192.0.2.1 127.0.0.0/8"}, "203.0.113.7"),
    ):
        gateway = await start_gateway(rules=rules)
        # What stands before the proxy's own entry is whatever the client wrote.
        sent = {"X-Forwarded-For": "10.6.6.6, 203.0.113.7"}
        async with gateway.session.get("/comments/v", headers=sent) as response:
            assert (await response.json())["headers"]["x-forwarded-for"] == expected
        async with gateway.session.get("/comments/v", headers={"X-Forwarded-For": "no address"}) as response:
            assert (await response.json())["headers"]["x-forwarded-for"] == "127.0.0.1"
