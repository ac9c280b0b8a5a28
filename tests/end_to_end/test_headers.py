"""What every answer says to browsers, whoever of the system gives it: the gateway, each part, the server under them."""

from __future__ import annotations

import asyncio

import pytest

from tests.end_to_end.conftest import DEADLINE_S, Person

OTHER = "https://other.example"


@pytest.fixture(scope="module")
def lists() -> dict[str, str]:
    return {"LIVECOMMENTS_CORS_ORIGINS": OTHER, "LIVECOMMENTS_HSTS_S": "86400", "LIVECOMMENTS_PUBLIC_READ": "1"}


def assert_safe(headers) -> None:
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert len(headers.getall("Content-Security-Policy")) == 1
    assert headers["Strict-Transport-Security"] == "max-age=86400"
    assert "Server" not in headers


async def test_every_answer_is_safe_in_a_browser_and_read_by_pages_of_the_lists_alone(start_cluster, web, video, lists):
    """One cluster for all of it: it takes seconds to start one."""
    cluster = start_cluster(**lists)
    person = Person(cluster, web, "a person")
    edge, writer, history = (cluster.describe()[kind][0]["url"] for kind in ("edges", "writers", "histories"))
    comments = f"/comments/{video}"
    asked = [
        ("GET", cluster.url + "/", 200),
        ("GET", cluster.url + comments, 200),
        ("GET", cluster.url + comments + "/snapshot", 200),
        ("GET", cluster.url + comments + "/stream", 200),
        ("POST", cluster.url + comments, 415),
        ("POST", cluster.url + "/guests", 415),
        ("GET", cluster.url + "/nothing", 404),
        ("PATCH", cluster.url + comments, 405),
        ("GET", cluster.url + "/metrics", 404),
        ("GET", edge + comments + "/stream", 200),
        ("GET", edge + "/healthz", 200),
        ("POST", writer + comments, 415),
        ("GET", history + comments, 200),
        ("GET", history + comments + "?limit=x", 400),
    ]
    for origin, allowed in ((OTHER, OTHER), (cluster.url, cluster.url), ("https://evil.example", None), (None, None)):
        for method, url, status in asked:
            sent = person.headers | ({"Origin": origin} if origin else {})
            async with web.request(method, url, headers=sent) as answer:
                assert answer.status == status, (method, url)
                assert_safe(answer.headers)
                assert answer.headers.get("Access-Control-Allow-Origin") == allowed, (method, url, origin)
                with_cookie = answer.headers.get("Access-Control-Allow-Credentials")
                assert with_cookie is None or origin == cluster.url, (method, url)
    # A shared cache keeps what one origin's page got apart from what another's gets.
    for origin in (None, OTHER, "https://evil.example", OTHER, None):
        async with web.get(
            cluster.url + comments + "/snapshot", headers={"Origin": origin} if origin else {}
        ) as answer:
            assert answer.headers.get("Access-Control-Allow-Origin") == (OTHER if origin == OTHER else None)
    # Preflights, through the gateway and past it.
    ask = {"Origin": OTHER, "Access-Control-Request-Method": "POST"}
    for url in (cluster.url, writer, edge):
        async with web.options(url + comments, headers=ask) as answer:
            assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (204, OTHER)
            assert_safe(answer.headers)
        async with web.options(url + comments, headers=ask | {"Origin": "https://evil.example"}) as answer:
            assert "Access-Control-Allow-Origin" not in answer.headers
    # What is no request, at a part itself.
    reader, writer_ = await asyncio.open_connection("127.0.0.1", int(edge.rsplit(":", 1)[1]))
    writer_.write(b"nonsense\r\n\r\n")
    said = await asyncio.wait_for(reader.read(), DEADLINE_S)
    writer_.close()
    assert b"content-security-policy: default-src 'none'" in said
    assert b"x-content-type-options: nosniff" in said
