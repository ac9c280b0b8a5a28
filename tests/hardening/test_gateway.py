"""Abuse of HTTP itself, at the gateway. Each test says in a sentence why somebody would try it."""

from __future__ import annotations

import asyncio
import re

import pytest

from tests.hardening.conftest import say

HIDDEN = b"POST /comments/smuggled HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"


def smuggling(head: bytes, body: bytes) -> bytes:
    return b"POST /comments/v HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + head + b"\r\n\r\n" + body


SMUGGLED = {
    "CL.TE": smuggling(b"Content-Length: %d\r\nTransfer-Encoding: chunked" % (5 + len(HIDDEN)), b"0\r\n\r\n" + HIDDEN),
    "TE.CL": smuggling(
        b"Content-Length: 4\r\nTransfer-Encoding: chunked", b"%x\r\n%b\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN)
    ),
    "TE.TE": smuggling(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", b"0\r\n\r\n" + HIDDEN),
    "TE with a tab": smuggling(b"Content-Length: 5\r\nTransfer-Encoding:\tchunked", b"0\r\n\r\n" + HIDDEN),
    "TE that is none": smuggling(b"Content-Length: 5\r\nTransfer-Encoding: xchunked", b"0\r\n\r\n" + HIDDEN),
    "a space before the colon": smuggling(b"Transfer-Encoding : chunked\r\nContent-Length: 5", b"0\r\n\r\n" + HIDDEN),
    "a folded header": smuggling(b"Transfer-Encoding:\r\n chunked\r\nContent-Length: 5", b"0\r\n\r\n" + HIDDEN),
    "two lengths": smuggling(b"Content-Length: 0\r\nContent-Length: %d" % len(HIDDEN), HIDDEN),
    "a length with a sign": smuggling(b"Content-Length: +0", HIDDEN),
    "a length in hex": smuggling(b"Content-Length: 0x0", HIDDEN),
    "two lengths in one": smuggling(b"Content-Length: 0, %d" % len(HIDDEN), HIDDEN),
    "a bare line feed": smuggling(b"X: y\nContent-Length: 0\nTransfer-Encoding: chunked", b"0\r\n\r\n" + HIDDEN),
    "a chunk's size too large": smuggling(b"Transfer-Encoding: chunked", b"ffffffffffffffff1\r\n\r\n" + HIDDEN),
    "a chunk's size with a sign": smuggling(b"Transfer-Encoding: chunked", b"-1\r\n\r\n" + HIDDEN),
    "a NUL in a header": smuggling(b"X: a\x00b\r\nContent-Length: 0", HIDDEN),
    "HTTP/1.0 with chunks": smuggling(b"Transfer-Encoding: chunked", b"0\r\n\r\n" + HIDDEN).replace(b"1.1", b"1.0", 1),
}


async def test_no_request_is_smuggled_to_a_part_inside_another(gateway):
    """Where gateway and part read a request's end differently, the rest of it is believed to be another one's."""
    seen: list[str] = []

    async def note(request):
        seen.append(request.path)

    for part in gateway.parts.values():
        part.before_echo = note
    for name, request in SMUGGLED.items():
        seen.clear()
        # "Connection: close" ends the honest way; what was hidden would be answered, or seen, after it all the same.
        answer = await say(gateway.url, request)
        assert "/comments/smuggled" not in seen, name
        assert len(re.findall(rb"HTTP/1\.1 \d{3} ", answer)) <= 1, (name, answer)
        async with gateway.session.get("/comments/afterwards") as after:
            assert (await after.json())["path"] == "/comments/afterwards", name


async def test_a_head_that_dribbles_is_ended_by_the_gateway(start_gateway):
    """Slowloris: connections that never get to their request cost the attacker nothing, and us a place each."""
    gateway = await start_gateway({"timeout http-request 10s": "timeout http-request 300ms"})
    answer = await say(gateway.url, b"GET /comments/v HTTP/1.1\r\n", b"Host: x\r\n", b"X: y\r\n", pause_s=0.25)
    assert answer.startswith(b"HTTP/1.1 408 ") or answer == b""


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_flood_of_headers_is_refused_before_a_part_sees_it(gateway, method):
    """Heads are parsed before anybody is known: their number and size must not be the client's choice."""
    seen = []

    async def note(request):
        seen.append(request.path)

    for part in gateway.parts.values():
        part.before_echo = note
    start = f"{method} /comments/v HTTP/1.1\r\nHost: x\r\nConnection: close\r\n".encode()
    for more in (
        b"".join(b"X-%d: y\r\n" % number for number in range(200)),
        b"X: " + b"y" * 40_000 + b"\r\n",
        b"Cookie: " + b"a=b; " * 10_000 + b"\r\n",
    ):
        answer = await say(gateway.url, start + more + b"\r\n")
        assert not answer.startswith(b"HTTP/1.1 2"), answer[:100]
    assert not seen


PATHS = [
    b"/comments/v/../../metrics",
    b"/comments/..%2f..%2fmetrics",
    b"/%2e%2e/metrics",
    b"//metrics",
    b"/./metrics",
    b"/metrics%00",
    b"/metrics;x=y",
    b"/METRICS/",
    b"/%6d%65%74%72%69%63%73",
    b"/web/..%2f..%2fpyproject.toml",
    b"/web/%2e%2e/%2e%2e/etc/passwd",
    b"/web//etc/passwd",
    b"/web/..%5c..%5cetc%5cpasswd",
    b"/web/%c0%ae%c0%ae/etc/passwd",
    b"/comments/%c0%ae%c0%ae",
    b"/comments/v%00",
    b"/comments/v%0d%0aX: y",
    b"http://127.0.0.1:1/metrics",
    b"*",
    b"/web/.git/config",
    b"/readyz?x",
    b"/comments/v#/../metrics",
]


async def test_no_spelling_of_a_path_leads_to_what_is_not_public(cluster):
    """What one program tidies in a path, and the next does not, is the way past a rule about paths."""
    for path in PATHS:
        answer = await say(cluster.url, b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        status = answer[9:12]
        assert status in (b"400", b"401", b"404"), (path, answer[:200])
        for secret in (b"livecomments_", b"[project]", b"root:", b"ok\n"):
            assert secret not in answer, path
        assert b"\r\nX: y" not in answer


async def test_what_a_client_says_of_itself_and_of_the_host_changes_no_cached_answer(start_cluster, web, video):
    """A cached answer that follows a header of one client is what all the others get: web cache poisoning."""
    cluster = start_cluster(LIVECOMMENTS_PUBLIC_READ="1")
    token = cluster.token("ada")
    url = f"{cluster.url}/comments/{video}"
    async with web.post(url, json={"message": "hello"}, headers={"Authorization": f"Bearer {token}"}) as answer:
        assert answer.status in (201, 202)
    for path in ("/snapshot", "", "?sort=asc&limit=5"):
        async with web.get(url + path) as answer:
            clean = (await answer.read(), answer.headers.get("Content-Type"))
        for poison in (
            {"Host": "evil.example"},
            {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "gopher", "Forwarded": "host=evil.example"},
            {"X-Original-URL": "/metrics", "X-Rewrite-URL": "/metrics"},
            {"Accept": "text/html", "Accept-Encoding": "x-evil", "Range": "bytes=0-1"},
            {"Origin": "https://evil.example"},
            {"X-HTTP-Method-Override": "DELETE"},
            {"Authorization": "Bearer garbage"},
            {"Cookie": "livecomments_token=garbage"},
        ):
            async with web.get(url + path, headers=poison) as answer:
                said = await answer.text()
                assert "evil" not in said + str(answer.headers)
                # A bad token is refused, and neither its refusal nor a good one's answer is kept for others.
                assert answer.status == (401 if "garbage" in str(poison) else 200), (path, poison)
            async with web.get(url + path) as answer:
                assert answer.status == 200
                after = (await answer.read(), answer.headers.get("Content-Type"))
            if path != "/snapshot":  # which counts viewers
                assert after == clean, (path, poison)
            assert "Access-Control-Allow-Origin" not in answer.headers


async def test_what_needs_a_token_is_never_kept_for_those_without(person, video):
    """Where reading is private a shared cache that keeps a page is a way around the token."""
    await person.post(video, "private words")
    url = f"{person.cluster.url}/comments/{video}"
    for path in ("", "/snapshot", "?sort=asc"):
        for _ in range(3):
            async with person.web.get(url + path, headers=person.headers) as answer:
                assert answer.status == 200
                assert "public" not in answer.headers["Cache-Control"]
            async with person.web.get(url + path) as answer:
                assert answer.status == 401
                assert answer.headers["Cache-Control"] == "no-store"
                assert "private words" not in await answer.text()
    await asyncio.sleep(0)
