"""What a writer reports of what it has acknowledged."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.subscription import Subscription
from nats.errors import MaxPayloadError

from runtime.audit_metrics import ARCHIVE, UNAUDITED
from tests.layout.tree import ROOT
from tests.writer.conftest import outcomes
from wire import subjects
from wire.audit import MAX_NUMBERS, MAX_VIDEOS, Acknowledged, add_up, decode_report, digest_of, encode_report, report_id
from wire.comment import encode_payload, event_data, event_payload
from wire.number import MAX_NUMBER
from wire.sse import comment_event
from writer import audit_log
from writer.audit_log import AuditLog

MASK = 2**64 - 1
NATS_MAX_PAYLOAD_BYTES = 1024**2
NUMBERS = st.lists(st.integers(1, 2**53 - 1), min_size=1, max_size=50, unique=True)


def test_the_largest_report_is_a_message_that_nats_takes():
    per_video, step = MAX_NUMBERS // MAX_VIDEOS, MAX_NUMBER // (MAX_NUMBERS // MAX_VIDEOS)
    videos: dict[str, Acknowledged] = {}
    for video in range(MAX_VIDEOS):
        one = videos[f"{video:064d}"] = Acknowledged(digest=MASK)
        one.numbers = [step * (place + 1) for place in range(per_video)]
    assert len(encode_report(videos)) < NATS_MAX_PAYLOAD_BYTES
    assert f"max_payload: {NATS_MAX_PAYLOAD_BYTES // 1024**2}MB" in (ROOT / "nats" / "server.conf").read_text()


async def test_a_report_that_could_not_be_said_is_counted(connection, monkeypatch):
    log = AuditLog(connection, 2)
    for number in (1, 2, 3):
        log.note(1, "v", number, b"x")

    async def fails(*_: object) -> None:
        raise MaxPayloadError

    monkeypatch.setattr(connection, "publish", fails)
    before = UNAUDITED.labels(ARCHIVE)._value.get()
    await log.report()
    assert UNAUDITED.labels(ARCHIVE)._value.get() == before + 3


async def test_a_report_is_said_again_to_archivers_that_ask_until_one_has_compared_it(connection):
    log = AuditLog(connection, 2)
    await log.start()
    first = await connection.subscribe(subjects.audit("*"))
    again = await connection.subscribe(subjects.audit_again("*"))

    async def heard(what: Subscription) -> bytes:
        return (await what.next_msg(timeout=5)).data

    async def ask(*shards: object) -> None:
        for shard in shards:
            await connection.publish(f"uncompared.{shard}", b"")

    for shard in (0, 1):
        log.note(shard, "v", 5 + shard, b"x")
    await log.report()
    said = [await heard(first), await heard(first)]
    await ask("x", 1, 0)
    assert [await heard(again), await heard(again)] == said[::-1]
    await connection.publish(subjects.audited(0), report_id(said[0]))
    async with asyncio.timeout(5):
        while len(log._kept) == 2:  # noqa: ASYNC110  nobody announces it
            await asyncio.sleep(0.001)
    await ask(0, 1)
    assert await heard(again) == said[1]
    await log.say_again()  # as after a lost connection
    assert await heard(again) == said[1]
    assert not again.pending_msgs


async def test_no_more_reports_are_kept_to_be_said_again_than_allowed_nor_longer(connection, monkeypatch):
    log = AuditLog(connection, 1)

    async def report(number: int) -> None:
        log.note(0, "v", number, b"x")
        await log.report()

    monkeypatch.setattr(audit_log, "MAX_KEPT", 2)
    for number in (1, 2, 3):
        await report(number)
    assert [decode_report(one.data)["v"].numbers for one in log._kept.values()] == [[2], [3]]
    monkeypatch.setattr(audit_log, "MAX_KEPT_BYTES", log._kept_bytes - 1)
    await log.say_again()
    assert [decode_report(one.data)["v"].numbers for one in log._kept.values()] == [[3]]
    monkeypatch.setattr(audit_log, "KEPT_S", -1)
    await log.say_again()
    assert (log._kept, log._kept_bytes) == ({}, 0)


@given(NUMBERS, st.randoms())
def test_the_digest_is_the_same_in_whichever_order_and_pieces_comments_come(numbers: list[int], random: random.Random):
    acknowledged = Acknowledged()
    for number in numbers:
        acknowledged.add(number, b"%d" % number)
    random.shuffle(numbers)
    middle = len(numbers) // 2
    pieces = (add_up(digest_of(one, b"%d" % one) for one in part) for part in (numbers[:middle], numbers[middle:]))
    assert add_up(pieces) == acknowledged.digest
    told = decode_report(encode_report({"video": acknowledged}))["video"]
    assert (told.numbers, told.digest) == (sorted(numbers), acknowledged.digest)


@given(NUMBERS)
def test_another_text_or_another_number_is_another_digest(numbers: list[int]):
    said = add_up(digest_of(one, b"text") for one in numbers)
    assert said != add_up([*(digest_of(one, b"text") for one in numbers[1:]), digest_of(numbers[0], b"texts")])
    assert said != add_up([*(digest_of(one, b"text") for one in numbers[1:]), digest_of(numbers[0] + 1, b"text")])


@pytest.mark.parametrize("text", ["text", '",', '","timestamp":1}', "\\", "é\n\t🎉"])
def test_the_payload_is_found_again_in_an_event(text: str):
    payload = encode_payload("user", text, "Ann", "host")
    assert event_payload(comment_event(7, event_data(7, 1_700_000_000_000, payload))) == payload


async def test_a_writer_that_stops_reports_what_it_has_acknowledged_since_the_last_report(
    start_writer, connection, videos, monkeypatch
):
    monkeypatch.setattr(audit_log, "REPORT_EVERY_S", 3_600)
    writer, video = await start_writer(), videos()
    heard = await connection.subscribe(subjects.audit("*"))
    await connection.flush()
    answers = [await writer.post(video, f"text {n}") for n in range(3)]
    await writer.service.drain()
    report = decode_report((await heard.next_msg(timeout=5)).data)
    assert report[video].numbers == [one.number for one in answers]


async def test_what_was_acknowledged_is_reported_and_a_repeat_is_not_reported_again(start_batcher, connection, videos):
    log = AuditLog(connection, 2)
    batcher, video = await start_batcher(acknowledged=log.note), videos()
    heard = await connection.subscribe(subjects.audit(0))
    kept = await outcomes([batcher.post(f"text {n}", video=video) for n in range(30)])
    again = await outcomes([batcher.post("text", video=video, key="key") for _ in range(3)])
    await log.report()
    report = decode_report((await heard.next_msg(timeout=5)).data)
    assert report[video].numbers == [one.number for one in kept] + [again[0].number]
    said = [*(f"text {n}" for n in range(30)), "text"]
    digests = [digest_of(n, encode_payload("user", text)) for n, text in zip(report[video].numbers, said, strict=True)]
    assert report[video].digest == add_up(digests)
    await log.report()
    with pytest.raises(TimeoutError):
        await heard.next_msg(timeout=0.2)
