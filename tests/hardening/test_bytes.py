"""Abuse by bytes: broken encodings, huge numbers, what ends up in logs. Each test says why somebody would try it."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from tests.hardening.conftest import say

BAD_UTF8 = [
    b"\x00",
    b"\xc0\x80",
    b"\xc0\xae",
    b"\xe0\x80\xaf",
    b"\xf0\x80\x80\xaf",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xff\xfe",
    b"\x80",
    b"\xe2\x82",
]


async def test_nul_and_overlong_utf_8_are_refused_wherever_they_stand(person, video):
    """Decoders disagree about them: what a check reads as harmless another program reads as '/', or as the end."""
    url = f"{person.cluster.url}/comments/{video}"
    sent = person.headers | {"Content-Type": "application/json"}
    for bad in BAD_UTF8:
        async with person.web.post(url, data=b'{"message": "a' + bad + b'b"}', headers=sent) as answer:
            assert answer.status == 400, bad
            assert (await answer.json(content_type=None))["code"] in ("not_json", "message_characters")
        escaped = "".join(f"%{byte:02x}" for byte in bad).encode()
        for line in (b"GET /comments/" + escaped, b"POST /comments/" + escaped, b"GET /comments/v?cursor=" + escaped):
            answer = await say(
                person.cluster.url,
                line + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\nAuthorization: "
                + person.headers["Authorization"].encode() + b"\r\n\r\n",
            )  # fmt: skip
            assert answer[9:12] in (b"400", b"404", b"415"), (line, answer[:120])
    assert await person.history(video) == []


HUGE = ["9" * 17, "9" * 1_000, "9" * 6_000, "1e308", "0x" + "f" * 100, "-" + "9" * 100, "٩" * 16, "1" + "0" * 5_000]


@pytest.mark.parametrize("huge", HUGE, ids=range(len(HUGE)))
async def test_huge_cursors_limits_and_positions_cost_nothing_and_mean_nothing(person, video, huge):
    """Turning digits into a number takes time that grows with their square; and what overflows may wrap around."""
    url = f"{person.cluster.url}/comments/{video}"
    began = time.perf_counter()
    for query in ({"cursor": huge}, {"limit": huge}, {"at": huge}):
        async with person.web.get(url, params=query, headers=person.headers) as answer:
            assert answer.status == 400
    for params, more in (({"lastEventId": huge}, {}), ({}, {"Last-Event-ID": huge} if huge.isascii() else {})):
        async with person.web.get(url + "/stream", params=params, headers=person.headers | more) as answer:
            assert answer.status == 200, "a position is never refused"
    assert time.perf_counter() - began < 5


async def test_nothing_that_is_sent_forges_a_line_of_a_log_or_leaves_a_text_or_token_in_one(start_cluster, web, video):
    """A forged line hides an attack from whoever reads the log; a token in one is a key for whoever reads it."""
    cluster = start_cluster(LIVECOMMENTS_LOG_LEVEL="debug")
    token, marker = cluster.token("ada"), "seldom-seen-words"
    forged = '\r\n{"event":"forged-line","level":"info"}\r\n'
    url = f"{cluster.url}/comments/{video}"
    headers = {"Authorization": f"Bearer {token}"}
    async with web.post(url, json={"message": marker}, headers=headers) as answer:
        assert answer.status in (201, 202)
    async with web.post(url, json={"message": marker + "\u0000"}, headers=headers) as answer:
        assert answer.status == 400
    for path in ("", "/stream", "/snapshot", "/%0d%0aforged-line"):
        raw = (
            f"GET /comments/{video}{path}?access_token={token}&x={marker} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            f"User-Agent: {forged.replace(chr(13) + chr(10), '%0a')}\r\nReferer: {marker}\r\n\r\n"
        )
        await say(cluster.url, raw.encode())
    for kind in ("edges", "writers", "histories"):
        part = cluster.describe()[kind][0]["url"]
        await say(part, b"GET /" + forged.encode() + b" HTTP/1.1\r\n\r\n")
        await say(part, f"GET /comments/{video}?t={token} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    await asyncio.sleep(0)
    written = {file.name: file.read_text(errors="replace") for file in (cluster.data_dir / "logs").iterdir()}
    assert len(written) >= 5
    for name, text in written.items():
        assert marker not in text, name
        assert token not in text, name
        assert token.rsplit(".", 1)[1] not in text, name
        assert "forged-line" not in text, name
        if name.startswith(("writer", "edge", "history", "archiver")):
            for line in text.splitlines():
                assert isinstance(json.loads(line), dict), (name, line)
