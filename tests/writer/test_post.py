"""POST /comments/{video}, as a client of the writer's own port meets it."""

from __future__ import annotations

import asyncio
import unicodedata

import orjson
import pytest

from tests.writer.conftest import stored
from wire import subjects
from wire.video import shard_of

CONTROLS = [chr(c) for c in [*range(32), *range(127, 160)] if chr(c) not in "\t\n"]


@pytest.fixture
async def writer(start_writer):
    return await start_writer()


async def test_a_comment_that_is_stored_but_not_yet_archived_is_accepted(writer, reader, videos, settings):
    video = videos()

    answer = await writer.post(video, "hello")

    assert answer.status == 202
    assert answer.body == {"commentId": str(answer.number)}
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    (message,) = await stored(reader, shard_of(video, settings.shards), video)
    assert message.number == answer.number
    assert message.kind is None
    assert orjson.loads(message.payload) == {"userId": "user", "message": "hello"}


async def test_a_comment_that_is_archived_in_time_is_created(start_writer, connection, videos, settings):
    writer, video = await start_writer(archive_wait_ms=20_000), videos()
    shard = shard_of(video, settings.shards)
    heard = await connection.subscribe(subjects.stored(shard))
    await connection.flush()

    posting = asyncio.create_task(writer.post(video))
    number = (await heard.next_msg(timeout=5)).data
    assert not posting.done()
    await connection.publish(subjects.archived(shard), number)

    answer = await asyncio.wait_for(posting, 5)
    assert (answer.status, answer.number) == (201, int(number))


async def test_a_name_and_a_role_of_the_token_are_stored_and_a_role_only_where_it_holds(
    writer, reader, videos, tokens, settings
):
    video, other = videos(shard=0), videos(shard=0)
    host = tokens.issue("h", 600, name="Høst", role="host", videos=[video])
    everywhere = tokens.issue("m", 600, role="moderator", videos=["*"])
    nowhere = tokens.issue("n", 600, role="host")

    await writer.post(video, token=host)
    await writer.post(other, token=everywhere)
    await writer.post(other, token=nowhere)

    assert [orjson.loads(message.payload) for message in await stored(reader, 0, video)] == [
        {"userId": "h", "message": "hello", "name": "Høst", "role": "host"}
    ]
    assert [orjson.loads(message.payload) for message in await stored(reader, 0, other)] == [
        {"userId": "m", "message": "hello", "role": "moderator"},
        {"userId": "n", "message": "hello"},
    ]


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "tab\tand\nline feed",
        '"quotes" \\ and / </script>',
        "שלום مرحبا नमस्ते 你好",
        "👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪",
        unicodedata.normalize("NFD", "é") + " is not " + unicodedata.normalize("NFC", "é"),
        "\u202ereversed\u202c \u200bzero width \u2028 \u2029 \ufeff \ufffe \U0010ffff",
        "x" * 500,
        "\U0001d4b3" * 500,
    ],
)
async def test_text_is_stored_exactly_as_sent(writer, reader, videos, text):
    video = videos(shard=0)

    await writer.post(video, text)
    await writer.post(video, data=orjson.dumps({"message": f" \t\n{text}\u3000\n ", "other": [1]}))
    escaped = '{"message":"' + "".join(f"\\u{u:04x}" for u in _utf16(text)) + '"}'
    await writer.post(video, data=escaped.encode())

    assert [orjson.loads(message.payload)["message"] for message in await stored(reader, 0, video)] == [text] * 3


def _utf16(text):
    data = text.encode("utf-16-be")
    return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]


@pytest.mark.parametrize(
    ("status", "code", "request_"),
    [
        (400, "bad_video", {"path": "/comments/" + "x" * 65}),
        (400, "bad_video", {"path": "/comments/a.b"}),
        (400, "bad_video", {"path": "/comments/a%20b"}),
        (400, "bad_video", {"path": "/comments/%F0%9F%98%80"}),
        (400, "bad_video", {"path": "/comments/%FF%00"}),
        (400, "bad_video", {"path": "/comments/*"}),
        (400, "bad_video", {"path": "/comments/a%0A"}),
        (401, "no_token", {"headers": {"Authorization": ""}}),
        (401, "no_token", {"token": "not a token"}),
        (401, "no_token", {"headers": {"Authorization": "Basic dXNlcjpwYXNz"}}),
        (415, "not_json_type", {"headers": {"Content-Type": ""}, "data": b'{"message":"hi"}'}),
        (415, "not_json_type", {"headers": {"Content-Type": "text/plain"}}),
        (415, "not_json_type", {"headers": {"Content-Type": "application/jsonp"}}),
        (415, "not_json_type", {"headers": {"Content-Type": "application/x-www-form-urlencoded"}}),
        (413, "body_too_large", {"data": b'{"message":"hi"}' + b" " * 8 * 1024}),
        (400, "bad_key", {"headers": {"Idempotency-Key": "x" * 65}}),
        (400, "bad_key", {"headers": {"Idempotency-Key": "schlüssel"}}),
        (400, "bad_key", {"headers": {"Idempotency-Key": "a\tb"}}),
        (400, "not_json", {"data": b"hello"}),
        (400, "not_json", {"data": b" "}),
        (400, "not_json", {"data": b'{"message": "hi"'}),
        (400, "not_json", {"data": b'{"message": "\xff\xfe"}'}),
        (400, "not_json", {"data": b'{"message": "\xed\xa0\x80"}'}),
        (400, "not_json", {"data": b'{"message": "\\ud800"}'}),
        (400, "not_json", {"data": b'{"message": NaN}'}),
        (400, "not_json", {"data": b"\xef\xbb\xbf" + b'{"message": "hi"}'}),
        (400, "not_json", {"data": b"[" * 5_000}),
        (400, "message_missing", {"data": b"{}"}),
        (400, "message_missing", {"data": b"null"}),
        (400, "message_missing", {"data": b'["hi"]'}),
        (400, "message_missing", {"message": 7}),
        (400, "message_missing", {"message": None}),
        (400, "message_blank", {"message": ""}),
        (400, "message_blank", {"message": " \t\n\u3000\u2003"}),
        (400, "message_blank", {"message": "\u200b\u2060 \ufeff\u2800"}),
        (400, "message_direction", {"message": "\u202ethe rest of the page"}),
        (400, "message_direction", {"message": "\u2067over\ntwo lines\u2069"}),
        (400, "message_marks", {"message": "z" + "\u0300\u0301\u0302" * 3}),
        (400, "message_too_long", {"message": "x" * 501}),
        (400, "message_too_long", {"message": "\U0001d4b3" * 501}),
    ],
)
async def test_what_is_refused_is_told_why_and_not_stored(writer, reader, videos, status, code, request_):
    video = videos(shard=0)
    before = len(await stored(reader, 0)) + len(await stored(reader, 1))

    answer = await writer.post(video, **request_)

    assert (answer.status, answer.body["code"], answer.body["status"]) == (status, code, status)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert set(answer.body) == {"type", "title", "status", "code", "detail"}
    assert answer.headers.get("WWW-Authenticate") == ("Bearer" if status == 401 else None)
    assert len(await stored(reader, 0)) + len(await stored(reader, 1)) == before


async def test_control_characters_are_refused_each(writer, videos):
    video = videos()
    for character in CONTROLS:
        answer = await writer.post(video, f"a{character}b")
        assert (answer.status, answer.body["code"]) == (400, "message_characters"), repr(character)


async def test_a_token_for_another_video_is_refused(writer, videos, tokens):
    video, other = videos(), videos()
    token = tokens.issue("user", 600, videos=[video])

    assert (await writer.post(video, token=token)).status == 202
    answer = await writer.post(other, token=token)
    assert (answer.status, answer.body["code"]) == (403, "wrong_video")


async def test_a_cookie_speaks_only_from_this_services_own_pages(start_writer, videos, tokens):
    writer, video = await start_writer(origins=("https://here.example",)), videos()
    cookie = {"Authorization": "", "Cookie": f"livecomments_token={tokens.issue('user', 600)}"}

    assert (await writer.post(video, headers={**cookie, "Origin": "https://here.example"})).status == 202
    for origin in ({}, {"Origin": "https://there.example"}, {"Origin": "null"}):
        answer = await writer.post(video, headers={**cookie, **origin})
        assert (answer.status, answer.body["code"]) == (403, "foreign_origin")


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"]
)
async def test_json_is_taken_with_parameters_and_in_any_case(writer, videos, content_type):
    assert (await writer.post(videos(), headers={"Content-Type": content_type})).status == 202


async def test_a_body_without_a_length_is_limited_too(writer, videos):
    async def body(size: int):
        yield b'{"message":"hi"'
        for _ in range(size // 1024):
            yield b" " * 1024
        yield b"}"

    small = await writer.post(videos(), data=body(4 * 1024))
    large = await writer.post(videos(), data=body(64 * 1024))

    assert small.status == 202
    assert (large.status, large.body["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("path", ["/", "/comments", "/comments/", "/comments/v/", "/comments/v/stream"])
async def test_there_is_nothing_at_other_addresses(writer, path):
    answer = await writer.post("v", path=path)

    assert (answer.status, answer.body["code"]) == (404, "not_found")


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
async def test_other_methods_are_refused_with_the_one_that_is_not(writer, videos, method):
    answer = await writer.post(videos(), method=method)

    assert (answer.status, answer.body["code"]) == (405, "method_not_allowed")
    assert "POST" in answer.headers["Allow"]


async def test_repeats_with_one_key_get_one_number_and_keys_of_others_do_not_collide(writer, reader, videos):
    one, other = videos(shard=0), videos(shard=0)

    at_once = await asyncio.gather(*(writer.post(one, f"text {n}", key="k") for n in range(50)))
    another_user = await writer.post(one, key="k", user="another")
    another_video = await writer.post(other, key="k")
    another_key = await writer.post(one, key="K")
    # Parts that would run together without their lengths.
    shifted = await writer.post(one, key="rk", user="use")

    assert len({answer.number for answer in at_once}) == 1
    assert len({answer.number for answer in (at_once[0], another_user, another_video, another_key, shifted)}) == 5
    assert len(await stored(reader, 0, one)) == 4
    assert len(await stored(reader, 0, other)) == 1


async def test_a_key_may_hold_any_printable_ascii(writer, videos):
    video, key = videos(), "".join(map(chr, range(0x21, 0x7F)))[:62] + " ~"

    first, second = await writer.post(video, key=key), await writer.post(video, key=key)

    assert first.number == second.number


async def test_a_user_over_his_rate_waits_as_told_while_others_go_on(start_writer, videos):
    writer, video = await start_writer(user_rate=0.5), videos()

    answers = await asyncio.gather(*(writer.post(video) for _ in range(12)))

    assert sorted(answer.status for answer in answers) == [202] * 10 + [429] * 2
    refused = next(answer for answer in answers if answer.status == 429)
    assert refused.body["code"] == "too_many"
    assert refused.headers["Retry-After"] == "2"
    assert (await writer.post(video, user="another")).status == 202
    assert (await writer.post(videos())).status == 202


async def test_the_repeat_of_a_known_key_takes_nothing_from_the_rate_and_is_not_the_same_message(start_writer, videos):
    writer, video = await start_writer(user_rate=0.01, duplicate_window_s=60), videos()

    first = await writer.post(video, "hello", key="k")
    repeats = [await writer.post(video, "hello", key="k") for _ in range(30)]
    same = await writer.post(video, "hello", key="another")
    rest = [await writer.post(video, f"text {n}") for n in range(10)]

    assert {answer.number for answer in repeats} == {first.number}
    assert (same.status, same.body["code"]) == (429, "same_message")
    assert 50 <= int(same.headers["Retry-After"]) <= 60
    assert [answer.status for answer in rest] == [202] * 9 + [429]


async def test_posts_of_one_address_are_counted_good_or_bad(start_writer, videos):
    writer, video = await start_writer(posts_per_address=0.01), videos()

    answers = [await writer.post("not a video", token="none", data=b"") for _ in range(10)]
    refused = await writer.post(video)

    assert {answer.status for answer in answers} == {400}
    assert (refused.status, refused.body["code"], refused.headers["Retry-After"]) == (429, "too_many", "100")


async def test_the_comment_of_a_client_that_left_is_stored_and_its_repeat_gets_its_number(
    start_writer, reader, connection, videos, settings
):
    writer, video = await start_writer(archive_wait_ms=20_000), videos(shard=0)
    heard = await connection.subscribe(subjects.stored(0))
    await connection.flush()
    posting = asyncio.create_task(writer.post(video, "left", key="k"))
    number = int((await heard.next_msg(timeout=5)).data)
    posting.cancel()
    await asyncio.wait([posting])

    await connection.publish(subjects.archived(0), b"%d" % number)
    again = await writer.post(video, "again", key="k")

    assert (again.status, again.number) == (201, number)
    assert [orjson.loads(message.payload)["message"] for message in await stored(reader, 0, video)] == ["left"]


async def test_guests_are_unknown_where_they_are_not_welcome(writer):
    answer = await writer.post("", path="/guests", data=b'{"name":"A"}')

    assert (answer.status, answer.body["code"]) == (404, "not_found")


async def test_a_guest_gets_a_token_and_speaks_with_it(start_writer, reader, videos):
    writer, video = await start_writer(guests=True), videos(shard=0)

    guest = await writer.post("", path="/guests", data=orjson.dumps({"name": " Zoë "}), headers={"Authorization": ""})
    other = await writer.post("", path="/guests", data=orjson.dumps({"name": "Zoë"}), headers={"Authorization": ""})
    said = await writer.post(video, "hi", token=guest.body["token"])

    assert guest.status == 201
    assert set(guest.body) == {"token", "userId", "name", "expiresInS"}
    assert (guest.body["name"], guest.body["expiresInS"]) == ("Zoë", 12 * 3600)
    assert guest.body["userId"] != other.body["userId"]
    assert said.status == 202
    (message,) = await stored(reader, 0, video)
    assert orjson.loads(message.payload) == {"userId": guest.body["userId"], "message": "hi", "name": "Zoë"}


async def test_a_guest_who_comes_back_with_his_token_is_the_same_guest_under_any_name(start_writer, tokens):
    writer = await start_writer(guests=True)

    async def ask(name: str, authorization: str):
        return await writer.post(
            "", path="/guests", data=orjson.dumps({"name": name}), headers={"Authorization": authorization}
        )

    guest = (await ask("Zoë", "")).body
    renamed = (await ask("Zoe", f"Bearer {guest['token']}")).body
    overnight = (await ask("Zoe", f"Bearer {tokens.issue(guest['userId'], -23 * 3600)}")).body
    assert (renamed["userId"], renamed["name"]) == (guest["userId"], "Zoe")
    assert overnight["userId"] == guest["userId"]
    assert tokens.check(overnight["token"]).user_id == guest["userId"]
    last_week = tokens.issue(guest["userId"], -7 * 24 * 3600)
    for other in (last_week, tokens.issue("ann", 600), "garbage"):
        answer = await ask("Zoe", f"Bearer {other}")
        assert (answer.status, answer.body["code"]) == (401, "no_token")


@pytest.mark.parametrize(
    ("status", "code", "request_"),
    [
        (415, "not_json_type", {"headers": {"Content-Type": "text/plain"}}),
        (400, "not_json", {"data": b"name=A"}),
        (400, "bad_name", {"data": b'{"name":""}'}),
        (413, "body_too_large", {"data": b" " * 9_000}),
    ],
)
async def test_a_guest_who_asks_wrongly_is_told_why(start_writer, status, code, request_):
    writer = await start_writer(guests=True)

    answer = await writer.post("", path="/guests", **request_)

    assert (answer.status, answer.body["code"]) == (status, code)


async def test_a_writer_counts_what_it_took_stored_and_refused(start_writer, videos):
    from prometheus_client import REGISTRY

    def value(name, **labels):
        return REGISTRY.get_sample_value(name, labels) or 0

    def counted():
        return {
            "accepted": value("livecomments_comments_total", milestone="accepted"),
            "stored": value("livecomments_comments_total", milestone="stored"),
            "remembered": value("livecomments_known_keys_total", known_to="memory"),
            "refused": value("livecomments_rate_refusals_total", limit="user"),
            "acks": value("livecomments_ack_seconds_count"),
            "answers": value("livecomments_post_seconds_count", status="202"),
        }

    writer, video = await start_writer(user_rate=0.01), videos()
    before = counted()
    for n in range(12):
        await writer.post(video, key=f"k{n}")
    await writer.post(video, key="k0")

    after = counted()
    changes = {name: after[name] - before[name] for name in after}
    assert changes == {"accepted": 10, "stored": 10, "remembered": 1, "refused": 2, "acks": 10, "answers": 11}
