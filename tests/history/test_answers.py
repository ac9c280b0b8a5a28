"""What else an answer of history says, and whom it refuses."""

import asyncio
import socket
import time
from collections.abc import Callable

import aiohttp
import pytest

from runtime.tokens import Tokens
from tests.history.conftest import BASE, Archived, Reader, until_ready
from tests.servers import Database, Part


@pytest.fixture(scope="module")
async def video(archived: Archived) -> str:
    video = archived.new_video()
    for position in range(5):
        await archived.add(video, BASE + position)
    return video


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("?cursor=", "bad_cursor"),
        ("?cursor=abc", "bad_cursor"),
        ("?cursor=-1", "bad_cursor"),
        ("?cursor=+1", "bad_cursor"),
        ("?cursor=1.0", "bad_cursor"),
        ("?cursor=9007199254740992", "bad_cursor"),
        ("?cursor=" + "9" * 5000, "bad_cursor"),
        ("?cursor=%D9%A1", "bad_cursor"),
        ("?cursor=%00", "bad_cursor"),
        ("?cursor=%ff", "bad_cursor"),
        ("?cursor=%0a1", "bad_cursor"),
        ("?cursor=1&cursor=2", "bad_cursor"),
        ("?limit=0", "bad_limit"),
        ("?limit=101", "bad_limit"),
        ("?limit=-1", "bad_limit"),
        ("?limit=ten", "bad_limit"),
        ("?limit=", "bad_limit"),
        ("?limit=1e1", "bad_limit"),
        ("?limit=5&limit=5", "bad_limit"),
        ("?sort=up", "bad_sort"),
        ("?sort=", "bad_sort"),
        ("?sort=DESC", "bad_sort"),
        ("?sort=asc&sort=desc", "bad_sort"),
        ("?at=", "bad_time"),
        ("?at=-5", "bad_time"),
        ("?at=now", "bad_time"),
        ("?at=9007199254740992", "bad_time"),
        ("?at=5&cursor=5", "bad_time"),
        ("?at=1&at=2", "bad_time"),
    ],
)
async def test_a_malformed_query_is_refused_with_its_code(reader: Reader, video: str, query: str, code: str) -> None:
    answer = await reader.get(f"/comments/{video}{query}")
    assert (answer.status, answer.code) == (400, code)
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("query", ["?", "?unknown=1", "?&&&", "?=", "?%", "?%zz=1&limit=5", "?a[]=1", "?limit=5&"])
async def test_what_else_a_query_holds_means_nothing(reader: Reader, video: str, query: str) -> None:
    assert len(await reader.ids(video, query)) == 5


@pytest.mark.parametrize("path", ["a" * 65, "a.b", "a%20b", "%00", "%ff", "%C3%A9", "*", "a%0a", "a;b", "..%2f"])
async def test_what_is_no_video_id_is_refused(reader: Reader, path: str) -> None:
    answer = await reader.get(f"/comments/{path}")
    assert answer.status in (400, 404)
    assert answer.code in ("bad_video", "not_found")


@pytest.mark.parametrize(
    "target",
    [b"/comments/v?cursor=\xff\xfe", b"/comments/\xff", b"/comments/v?limit=\x80", b"/comments/v?\xc3\xa9=\xc3\xa9"],
)
async def test_bytes_that_no_address_holds_never_break_anything(
    history: Part, reader: Reader, video: str, target: bytes
) -> None:
    def ask() -> bytes:
        with socket.create_connection(("127.0.0.1", history.port), 5) as client:
            authorization = reader.headers["Authorization"].encode()
            client.sendall(
                b"GET " + target + b" HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: " + authorization
            )
            client.sendall(b"\r\n\r\n")
            said = b""
            while piece := client.recv(65536):
                said += piece
            return said

    said = await asyncio.to_thread(ask)
    assert said.split()[1][:1] in (b"2", b"4"), said


async def test_an_etag_saves_the_body_until_something_changes(reader: Reader, archived: Archived) -> None:
    video = archived.new_video()
    number = await archived.add(video, BASE + 1)
    first = await reader.get(f"/comments/{video}")
    etag = first.headers["ETag"]
    assert first.headers["Cache-Control"] == "private, no-cache"
    for said in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        again = await reader.get(f"/comments/{video}", headers={**reader.headers, "If-None-Match": said})
        assert (again.status, again.body) == (304, b"")
        assert again.headers["ETag"] == etag
        assert again.headers["Cache-Control"] == "private, no-cache"
    for said in ('"other"', "garbage", '"' + "x" * 5000 + '"', ""):
        again = await reader.get(f"/comments/{video}", headers={**reader.headers, "If-None-Match": said})
        assert again.status == 200
    await archived.connection.execute("UPDATE comments SET deleted_by = 9 WHERE comment_id = $1", number)
    asking = {**reader.headers, "If-None-Match": etag}
    deleted = await reader.get(f"/comments/{video}", headers=asking)
    assert deleted.status == 200
    await archived.add(video, BASE + 2)
    more = await reader.get(f"/comments/{video}", headers={**reader.headers, "If-None-Match": deleted.headers["ETag"]})
    assert more.status == 200


async def test_a_head_tells_what_a_get_would(reader: Reader, video: str) -> None:
    get = await reader.get(f"/comments/{video}")
    head = await reader.get(f"/comments/{video}", method="HEAD")
    assert (head.status, head.body) == (200, b"")
    for name in ("Content-Length", "Content-Type", "ETag", "Cache-Control"):
        assert head.headers[name] == get.headers[name]
    unknown = await reader.get("/comments/a.b", method="HEAD")
    assert (unknown.status, unknown.body) == (400, b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_other_methods_are_not_for_history(reader: Reader, video: str, method: str) -> None:
    answer = await reader.get(f"/comments/{video}", method=method)
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert answer.headers["Allow"]


async def test_reading_needs_a_token_that_is_good_for_the_video(reader: Reader, video: str, tokens: Tokens) -> None:
    for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic dTpw"}, {"Cookie": "other=1"}):
        answer = await reader.get(f"/comments/{video}", headers=headers)
        assert (answer.status, answer.code) == (401, "no_token")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    other = {"Authorization": f"Bearer {tokens.issue('u', 60, videos=['other'])}"}
    answer = await reader.get(f"/comments/{video}", headers=other)
    assert (answer.status, answer.code) == (403, "wrong_video")


async def test_a_cookie_is_good_except_for_other_sites(reader: Reader, video: str, tokens: Tokens) -> None:
    cookie = {"Cookie": f"livecomments_token={tokens.issue('u', 60)}"}
    assert (await reader.get(f"/comments/{video}", headers=cookie)).status == 200
    for foreign in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = await reader.get(f"/comments/{video}", headers={**cookie, **foreign})
        assert (answer.status, answer.code) == (403, "foreign_origin")


async def test_where_reading_is_public_shared_caches_may_answer_for_seconds(
    start_history: Callable[..., Part], session: aiohttp.ClientSession, tokens: Tokens, video: str
) -> None:
    part = start_history(public_read="1")
    await until_ready(session, part.url)
    anybody = Reader(session, part.url, tokens)
    for query, caching in (
        ("", "public, max-age=1"),
        ("?sort=asc", "public, max-age=1"),
        (f"?cursor={BASE + 3}", "public, max-age=5"),
        ("?at=3", "public, max-age=5"),
    ):
        answer = await anybody.get(f"/comments/{video}{query}", headers={})
        assert (answer.status, answer.headers["Cache-Control"]) == (200, caching)
    bad = await anybody.get(f"/comments/{video}", headers={"Authorization": "Bearer x"})
    assert (bad.status, bad.code) == (401, "no_token")


async def test_while_postgres_is_away_a_client_hears_so_at_once_and_when_to_come_again(
    reader: Reader, postgres: Database, archived: Archived, video: str
) -> None:
    postgres.server.kill()
    try:
        for _ in range(3):
            began = time.monotonic()
            answer = await reader.get(f"/comments/{video}?cursor={BASE + 3}&sort=asc")
            assert (answer.status, answer.code) == (503, "unavailable")
            assert int(answer.headers["Retry-After"]) >= 1
            assert time.monotonic() - began < 3
        assert (await reader.get("/", headers={})).status == 200
        assert (await reader.get("/readyz", headers={})).status == 200
    finally:
        postgres.server.start()
    assert len(await reader.ids(video)) == 5
    await restore(archived, postgres)


async def test_while_postgres_is_silent_a_client_hears_so_within_three_seconds(
    reader: Reader, postgres: Database, video: str
) -> None:
    async def ask(times: int, limit: int) -> tuple[set[int], float]:
        began = time.monotonic()
        answers = await asyncio.gather(*(reader.get(f"/comments/{video}?sort=asc&limit={limit}") for _ in range(times)))
        return {answer.status for answer in answers}, time.monotonic() - began

    statuses, usual_s = await ask(30, 1)
    assert statuses == {200}
    postgres.server.pause()
    try:
        for times in (30, 1):
            statuses, took_s = await ask(times, 2)
            assert statuses == {503}
            assert took_s < 3 + usual_s  # which says how busy the machine is
    finally:
        postgres.server.resume()
    give_up = time.monotonic() + 10
    while (await reader.get(f"/comments/{video}")).status != 200:
        assert time.monotonic() < give_up, "it does not come back"


async def test_history_starts_without_postgres_and_serves_when_it_is_there(
    start_history: Callable[..., Part], session: aiohttp.ClientSession, tokens: Tokens, postgres: Database, video: str,
    archived: Archived,
) -> None:  # fmt: skip
    postgres.server.kill()
    try:
        part = start_history()
        late = Reader(session, part.url, tokens)
        assert (await late.get(f"/comments/{video}")).code == "unavailable"
        assert (await late.get("/readyz", headers={})).status == 503
    finally:
        postgres.server.start()
    await until_ready(session, part.url)
    assert len(await late.ids(video)) == 5
    await restore(archived, postgres)


async def test_another_number_of_shards_than_the_cluster_was_born_with_is_refused(
    start_history: Callable[..., Part],
) -> None:
    with pytest.raises(RuntimeError, match="born with 2 shards"):
        start_history(shards="3")


async def restore(archived: Archived, postgres: Database) -> None:
    import asyncpg

    archived.connection.terminate()
    archived.connection = await asyncpg.connect(postgres.dsn)
