"""Hostile inputs out of public collections: each is either accepted and read back as it was sent, or told why not."""

from __future__ import annotations

import asyncio
import json

import orjson

from tests.end_to_end.conftest import Person, ids, synced
from tests.shared_data import SHARED

CORPORA = SHARED / "corpora"
AT_ONCE = 16


async def test_naughty_strings_come_back_as_sent_or_are_refused(person, video):
    strings = json.loads((CORPORA / "blns.json").read_text())
    assert len(strings) == 515
    accepted: dict[str, str] = {}
    slots = asyncio.Semaphore(AT_ONCE)

    async def send(text: str) -> None:
        async with slots, _posting(person, video, json.dumps({"message": text}).encode()) as answer:
            body = await answer.json(content_type=None)
            if answer.status in (201, 202):
                accepted[body["commentId"]] = text.strip()
            else:
                assert answer.status == 400, (text, body)
                assert body["code"] == "not_json" or body["code"].startswith("message_"), body

    await asyncio.gather(*(send(text) for text in strings))
    assert len(accepted) > 400
    assert {item["id"]: item["message"] for item in await person.history(video, at_least=len(accepted))} == accepted
    events = await person.watch(video, synced, position="1")
    assert {
        event.json()["commentId"]: event.json()["message"] for event in events if event.name == "message"
    } == accepted
    assert ids(events) == sorted(accepted, key=int)


async def test_bodies_that_may_or_may_not_be_json_are_never_a_failure(person, video):
    bodies = sorted((CORPORA / "json_test_suite").glob("*.json"))
    assert len(bodies) == 318
    for path in bodies:
        async with _posting(person, video, path.read_bytes()) as answer:
            body = await answer.json(content_type=None)
            # None of them is a comment; those that are JSON lack the message, the others are not understood.
            assert answer.status == 413 if path.stat().st_size > 8192 else answer.status == 400, (path.name, body)
            if path.name.startswith("y_"):
                assert body["code"] == "message_missing", path.name
            elif path.name.startswith("n_") and answer.status == 400:
                assert body["code"] == "not_json", path.name
        # … and the same inside a message.
        async with _posting(person, video, b'{"message": ' + path.read_bytes() + b"}") as answer:
            assert answer.status in (201, 202, 400, 413), path.name
    for item in await person.history(video):
        assert item["message"].strip()


async def test_signed_tokens_of_a_collection_let_nobody_in(person, video):
    """None is signed with this service's key, whatever it claims; valid ones lack what a token of ours must have."""
    groups = json.loads((CORPORA / "wycheproof_json_web_signature.json").read_text())["testGroups"]
    tokens = [test["jws"] for group in groups for test in group["tests"]]
    assert len(tokens) == 401
    url = f"{person.cluster.url}/comments/{video}"
    for token in tokens:
        text = token if isinstance(token, str) else orjson.dumps(token).decode()
        sent = {"Authorization": "Bearer " + text.replace("\n", " ")}
        async with person.web.get(url, headers=sent) as answer:
            assert answer.status in (400, 401), text
        async with person.web.post(url, headers=sent, json={"message": "let me in"}) as answer:
            assert answer.status in (400, 401), text
    assert await person.history(video) == []


def _posting(person: Person, video: str, body: bytes):
    headers = {**person.headers, "Content-Type": "application/json"}
    return person.web.post(f"{person.cluster.url}/comments/{video}", data=body, headers=headers)
