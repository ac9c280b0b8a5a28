"""Abuse of streams and replays. Each test says in a sentence why somebody would try it."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.end_to_end.conftest import Person, ids, synced

PROBE = "only for those who may read this video"


@pytest.fixture
def outsider(cluster, web, video) -> Person:
    """Somebody whose token is good, for another video."""
    person = Person(cluster, web, "an outsider")
    person.headers = {"Authorization": f"Bearer {cluster.token('an outsider', videos=['another'])}"}
    return person


async def test_a_token_of_another_video_opens_neither_stream_nor_replay_nor_page_nor_snapshot(person, outsider, video):
    """A ticket for one event is tried at the door of another: at each of its doors, with and without a position."""
    number = await person.post(video, PROBE)
    base = f"{person.cluster.url}/comments/{video}"
    for path in ("", "?sort=asc", "/snapshot", "/stream", "/stream?lastEventId=1", f"/stream?lastEventId={number}"):
        async with person.web.get(base + path, headers=outsider.headers) as answer:
            assert answer.status == 403, path
            assert PROBE not in await answer.text()
    for position in ("1", number):
        sent = outsider.headers | {"Last-Event-ID": position}
        async with person.web.get(base + "/stream", headers=sent) as answer:
            assert (answer.status, await answer.text()) == (204, "")
    async with person.web.post(base, json={"message": "x"}, headers=outsider.headers) as answer:
        assert answer.status == 403


async def test_the_position_of_another_video_brings_nothing_of_it(person, video):
    """Numbers run over a whole shard: a position out of a private video must not be a key to what stands around it."""
    private, own = f"{video}-private", f"{video}-own"
    secret = [await person.post(private, f"{PROBE} {number}") for number in range(3)]
    reader = Person(person.cluster, person.web, "a reader")
    reader.headers = {"Authorization": f"Bearer {person.cluster.token('a reader', videos=[own])}"}
    mine = await person.post(own, "for everybody here")
    for position in ("0", str(int(secret[0]) - 1), secret[0], secret[2]):
        events = await reader.watch(own, synced, position=position)
        assert PROBE not in "".join(event.data for event in events)
        assert set(ids(events)) <= {mine}
    async with person.web.get(
        f"{person.cluster.url}/comments/{own}", params={"cursor": secret[2]}, headers=reader.headers
    ) as page:
        assert PROBE not in await page.text()


INJECTIONS = [
    "x\n\nevent: bye\ndata: {}\n\n",
    "x\nid: 9999999999999999\nretry: 1",
    'x\n\ndata: {"commentId":"1","userId":"admin","message":"sent by you","timestamp":1}\n\n',
    "\u2028\u2029id: 1",
    "\ufeffdata: x",
    ": a comment line",
]


async def test_no_text_and_no_name_becomes_a_field_of_the_stream(person, video):
    """Whoever gets a line break into the stream can speak as anybody, move positions, and send viewers away."""
    names = ["a\u2028b", "event: bye", "</script><!--", '","role":"host']
    sent: dict[str, tuple[str, str]] = {}
    for text, name in zip(INJECTIONS, [*names, None, None], strict=True):
        claims = {} if name is None else {"name": name}
        headers = {"Authorization": f"Bearer {person.cluster.token(f'user {len(sent)}', **claims)}"}
        async with person.web.post(
            f"{person.cluster.url}/comments/{video}", json={"message": text}, headers=headers
        ) as answer:
            assert answer.status in (201, 202), await answer.text()
            sent[(await answer.json())["commentId"]] = (text.strip(), name or "")
    raw = b""
    async with asyncio.timeout(20):
        sent_headers = person.headers | {"Last-Event-ID": "1"}
        async with person.web.get(f"{person.cluster.url}/comments/{video}/stream", headers=sent_headers) as stream:
            while b"event: sync" not in raw or not raw.endswith(b"\n\n"):
                raw += await stream.content.readany()
    blocks = [block.split("\n") for block in raw.decode().split("\n\n") if block]
    comments = [block for block in blocks if block[0].startswith("id: ") and len(block) == 2]
    assert [block[0].removeprefix("id: ") for block in comments] == sorted(sent, key=int)
    for number, data in comments:
        said = json.loads(data.removeprefix("data: "))
        assert (said["message"], said.get("name", "")) == sent[number.removeprefix("id: ")]
        assert "role" not in said
    assert {line.partition(":")[0] for block in blocks for line in block} <= {"id", "data", "event", "retry", ""}


async def test_a_comment_may_not_name_its_own_author_time_or_role(person, video):
    """Fields beside the message are ignored: nobody speaks as somebody else by writing so."""
    body = {
        "message": "I am the host", "userId": "host", "name": "Host", "role": "host", "timestamp": 1, "commentId": "1",
    }  # fmt: skip
    async with person.web.post(f"{person.cluster.url}/comments/{video}", json=body, headers=person.headers) as answer:
        number = (await answer.json())["commentId"]
    (item,) = await person.history(video, at_least=1)
    assert item["userId"] == "a person"
    assert item["id"] == number != "1"
    assert "role" not in item
    assert "name" not in item
