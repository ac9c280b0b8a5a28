"""Every refusal of the HTTP interface, as a client gets it: through the gateway, with its code and its body."""

from __future__ import annotations

import base64
import json
import time

import jwt
import orjson
import pytest
from yarl import URL

from bench.own_cluster import OwnCluster
from tests.end_to_end.conftest import Person, ids, synced
from wire.message import MAX_CODE_POINTS
from wire.problem import CONTENT_TYPE, PROBLEMS

JSON = "application/json"
GOOD = b'{"message": "good"}'


async def assert_problem(answer, status: int, code: str) -> None:
    body = orjson.loads(await answer.read())
    assert (answer.status, body.get("code")) == (status, code), body
    assert answer.headers["Content-Type"] == CONTENT_TYPE
    assert body["status"] == status
    assert body["detail"] == PROBLEMS[code][1]
    assert set(body) == {"type", "title", "status", "code", "detail"}, "nothing internal is told"
    if status in (429, 503):
        assert int(answer.headers["Retry-After"]) >= 1
    if status == 401:
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("status", "code", "body", "headers"),
    [
        (400, "not_json", b"", {}),
        (400, "not_json", b"hello", {}),
        (400, "not_json", b'{"message": "broken UTF-8 \xff"}', {}),
        (400, "not_json", b'{"message": "unpaired \\ud800 surrogate"}', {}),
        (400, "message_missing", b"{}", {}),
        (400, "message_missing", b'["message"]', {}),
        (400, "message_missing", b'{"message": 7}', {}),
        (400, "message_missing", b'{"message": null}', {}),
        (400, "message_blank", b'{"message": ""}', {}),
        (400, "message_blank", '{"message": " \\t\\n\u3000 "}'.encode(), {}),
        (400, "message_too_long", json.dumps({"message": "x" * (MAX_CODE_POINTS + 1)}).encode(), {}),
        (400, "message_characters", b'{"message": "NUL \\u0000"}', {}),
        (400, "message_characters", b'{"message": "escape \\u001b[31m"}', {}),
        (400, "message_characters", b'{"message": "DEL \\u007f"}', {}),
        (400, "message_characters", b'{"message": "C1 \\u0085"}', {}),
        (400, "bad_key", GOOD, {"Idempotency-Key": ""}),
        (400, "bad_key", GOOD, {"Idempotency-Key": "k" * 65}),
        (400, "bad_key", GOOD, {"Idempotency-Key": "gr\u00fcn"}),
        (413, "body_too_large", json.dumps({"message": "x" * 9000}).encode(), {}),
        (415, "not_json_type", GOOD, {"Content-Type": "text/plain"}),
        (415, "not_json_type", b"message=good", {"Content-Type": "application/x-www-form-urlencoded"}),
    ],
)
async def test_a_post_that_is_not_good_is_told_why_and_nothing_is_stored(person, video, status, code, body, headers):
    url = f"{person.cluster.url}/comments/{video}"
    sent = {**person.headers, "Content-Type": JSON, **headers}
    async with person.web.post(url, data=body, headers=sent) as answer:
        await assert_problem(answer, status, code)
    assert await person.history(video) == []


@pytest.mark.parametrize("bad", ["a.b", "a%20b", "ü", "x" * 65, "a*", "a%00b", "%2e%2e"])
@pytest.mark.parametrize("what", ["", "/stream", "/snapshot"])
async def test_what_is_no_video_id_is_refused_wherever_it_stands(person, bad, what):
    for method in ("GET", "POST") if not what else ("GET",):
        url = URL(f"{person.cluster.url}/comments/{bad}{what}", encoded=bad.isascii())  # sent as it is written here
        async with person.web.request(
            method, url, data=GOOD if method == "POST" else None, headers={**person.headers, "Content-Type": JSON}
        ) as answer:
            # HAProxy and the parts both tidy paths: what is left of "..", or of a NUL, may not be an address at all.
            body = await answer.json(content_type=None)
            assert (answer.status, body["code"]) in ((400, "bad_video"), (404, "not_found"), (400, "bad_request"))


@pytest.mark.parametrize(
    ("code", "query"),
    [
        *(
            ("bad_cursor", f"cursor={cursor}")
            for cursor in ("", "x", "-1", "1.5", "9007199254740992", "9" * 400, "%00")
        ),
        *(("bad_limit", f"limit={limit}") for limit in ("", "0", "101", "-1", "x", "1e1", "9" * 30)),
        *(("bad_sort", f"sort={sort}") for sort in ("", "DESC", "up")),
        *(("bad_time", query) for query in ("at=", "at=x", "at=-1", "at=1&cursor=1", "at=" + "9" * 30)),
    ],
)
async def test_a_page_that_cannot_be_is_refused(person, video, code, query):
    async with person.web.get(f"{person.cluster.url}/comments/{video}?{query}", headers=person.headers) as answer:
        await assert_problem(answer, 400, code)


@pytest.mark.parametrize("position", ["", "x", "-1", "1.5", "9" * 16, "9" * 400, "2e3", "\u0664", "1795343121222089,1"])
@pytest.mark.parametrize("where", ["header", "query"])
async def test_a_position_that_means_nothing_never_breaks_a_stream(person, video, position, where):
    url = f"{person.cluster.url}/comments/{video}/stream"
    number = await person.post(video, "the only one")
    sent = {**person.headers, "Last-Event-ID": position} if where == "header" else person.headers
    query = {} if where == "header" else {"lastEventId": position}
    async with person.web.get(url, headers=sent, params=query) as stream:
        assert stream.status == 200
    if where == "header" and position.isascii():
        events = await person.watch(video, synced, position=position)
        told = next(event for event in events if event.name == "sync")
        assert ids(events) == []
        assert told.json()["resumed"] is False
        assert told.json()["complete"] is (position == "")
        assert told.last_id == number, "the viewer is where it can go on from"


def _tokens(cluster: OwnCluster) -> dict[str, tuple[int, str, str | None]]:
    """What is wrong with a token, the answer to it, and the token."""
    secret = (cluster.data_dir / "secrets" / "token").read_text().strip()
    soon = int(time.time()) + 600
    good = {"sub": "eve", "exp": soon}

    def signed(claims, key=secret, **how) -> str:
        return jwt.encode(claims, key, **{"algorithm": "HS256", **how})

    def unsigned(header) -> str:
        parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, good))
        return ".".join(parts) + "."

    no_token = (401, "no_token")
    return {
        "none": (*no_token, None),
        "empty": (*no_token, ""),
        "garbage": (*no_token, "garbage"),
        "wrong key": (*no_token, signed(good, "another secret, which is long enough as well")),
        "alg none": (*no_token, unsigned({"alg": "none", "typ": "JWT"})),
        "alg NONE": (*no_token, unsigned({"alg": "NONE"})),
        "another algorithm": (*no_token, signed(good, secret + "=" * 64, algorithm="HS512")),
        "expired": (*no_token, signed({**good, "exp": int(time.time()) - 60})),
        "without exp": (*no_token, signed({"sub": "eve"})),
        "without sub": (*no_token, signed({"exp": soon})),
        "not yet": (*no_token, signed({**good, "nbf": soon})),
        "a number for sub": (*no_token, signed({"sub": "", "exp": soon})),
        "controls in sub": (*no_token, signed({**good, "sub": "e\nve"})),
        "its own key": (*no_token, signed(good, headers={"jwk": {"kty": "oct", "k": "AAAA"}})),
        "a critical header": (*no_token, signed(good, headers={"crit": ["x"], "x": 1})),
        "an odd role": (*no_token, signed({**good, "role": "king"})),
        "another video": (403, "wrong_video", signed({**good, "videos": ["another"]})),
        "no video": (403, "wrong_video", signed({**good, "videos": []})),
    }


async def test_a_token_that_is_not_good_opens_nothing_and_stores_nothing(person, video):
    url = f"{person.cluster.url}/comments/{video}"
    for what, (status, code, token) in _tokens(person.cluster).items():
        headers = (
            {"Content-Type": JSON} if token is None else {"Content-Type": JSON, "Authorization": f"Bearer {token}"}
        )
        for method, path, body in (
            ("POST", "", GOOD),
            ("GET", "", None),
            ("GET", "/stream", None),
            ("GET", "/snapshot", None),
        ):
            async with person.web.request(method, url + path, data=body, headers=headers) as answer:
                assert answer.status == status, (what, method, path)
                await assert_problem(answer, status, code)
    assert await person.history(video) == []


async def test_a_token_in_the_address_is_none(person, video):
    token = person.headers["Authorization"].removeprefix("Bearer ")
    for path in ("", "/stream"):
        url = f"{person.cluster.url}/comments/{video}{path}?access_token={token}&token={token}"
        async with person.web.get(url) as answer:
            await assert_problem(answer, 401, "no_token")


async def test_with_the_cookie_only_our_own_pages_change_anything(person, video):
    url = f"{person.cluster.url}/comments/{video}"
    cookie = {"Cookie": "livecomments_token=" + person.headers["Authorization"].removeprefix("Bearer ")}
    foreign = {"Origin": "https://evil.example"}
    for sent in (cookie, {**cookie, **foreign}, {**cookie, "Origin": "null"}):
        async with person.web.post(url, data=GOOD, headers={**sent, "Content-Type": JSON}) as answer:
            await assert_problem(answer, 403, "foreign_origin")
    for path in ("", "/stream", "/snapshot"):
        for sent in ({**cookie, **foreign}, {**cookie, "Sec-Fetch-Site": "cross-site"}):
            async with person.web.get(url + path, headers=sent) as answer:
                await assert_problem(answer, 403, "foreign_origin")
    assert await person.history(video) == []
    own = {**cookie, "Origin": person.cluster.url, "Content-Type": JSON}
    async with person.web.post(url, data=GOOD, headers=own) as answer:
        assert answer.status == 201
    async with person.web.get(url, headers=cookie) as answer:
        assert answer.status == 200


async def test_too_many_comments_are_told_when_to_come_back(start_cluster, web, video):
    cluster = start_cluster(LIVECOMMENTS_USER_RATE="2", LIVECOMMENTS_DUPLICATE_WINDOW_S="60")
    person = Person(cluster, web, "a person")
    url = f"{cluster.url}/comments/{video}"
    for number in range(10):
        await person.post(video, f"message {number}")
    async with web.post(url, json={"message": "one too many"}, headers=person.headers) as answer:
        await assert_problem(answer, 429, "too_many")
    another = Person(cluster, web, "another person")
    await another.post(video, "the same")
    async with web.post(url, json={"message": "the same"}, headers=another.headers) as answer:
        await assert_problem(answer, 429, "same_message")
    assert len(await person.history(video, at_least=11)) == 11


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/comments", 404, "not_found"),
        ("GET", "/comments/v/elsewhere", 404, "not_found"),
        ("POST", "/comments/v/stream", 404, "not_found"),
        ("GET", "/healthz", 404, "not_found"),
        ("GET", "/readyz", 404, "not_found"),
        ("GET", "/metrics", 404, "not_found"),
        ("PATCH", "/comments/v", 405, "method_not_allowed"),
        ("PUT", "/comments/v", 405, "method_not_allowed"),
    ],
)
async def test_other_addresses_and_methods_are_refused(person, method, path, status, code):
    async with person.web.request(method, person.cluster.url + path, headers=person.headers) as answer:
        await assert_problem(answer, status, code)


async def test_an_unknown_setting_is_refused_at_start(cluster: OwnCluster, tmp_path):
    environment = {"LIVECOMMENTS_SHARD": "8", "LIVECOMMENTS_DATA_DIR": str(tmp_path)}
    for command in ("up", "writer", "edge", "history", "archiver"):
        done = cluster.cli(command, env=environment)
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert "unknown setting LIVECOMMENTS_SHARD; did you mean LIVECOMMENTS_SHARDS?" in done.stderr
