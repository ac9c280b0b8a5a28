"""Guests at a writer: whose tokens are renewed, and for how long one who was shut out stays so."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import jwt
import orjson
import pytest
from prometheus_client import REGISTRY

from runtime.revocations import Revocation
from runtime.tokens import Identity
from tests.proxy import NatsProxy
from tests.writer.conftest import Answer, RunningWriter
from writer.guests import GUEST_TTL_S, LATE_S
from writer.limits import GUESTS_BURST

LEEWAY_S = 10


async def ask(writer: RunningWriter, name: str = "Zoë", token: str = "") -> Answer:
    authorization = f"Bearer {token}" if token else ""
    return await writer.post(
        "", path="/guests", data=orjson.dumps({"name": name}), headers={"Authorization": authorization}
    )


def claims(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


async def revoke(writer: RunningWriter, tokens: Any, place: str, for_s: int = 1) -> None:
    operator = tokens.issue("operator", 600, role="host", videos=["*"])
    data = orjson.dumps({"forS": for_s})
    answer = await writer.post("", method="PUT", path=f"/revocations/{place}", data=data, token=operator)
    assert answer.status == 200, answer


@pytest.mark.parametrize("what", ["token", "user"])
async def test_a_revoked_guest_has_no_way_back_by_a_token_that_was_renewed_before_or_after(
    start_writer, tokens, videos, what
):
    writer, video = await start_writer(guests=True), videos()
    first = (await ask(writer)).body
    renewed = (await ask(writer, "Zoe", first["token"])).body["token"]
    assert claims(renewed)["jti"] == claims(first["token"])["jti"]
    assert claims((await ask(writer)).body["token"])["jti"] != claims(renewed)["jti"], "another guest's"
    place = f"tokens/{claims(renewed)['jti']}" if what == "token" else f"users/{first['userId']}"
    await revoke(writer, tokens, place)
    for token in (first["token"], renewed):
        assert (await writer.post(video, token=token)).status == 401
        assert (await ask(writer, token=token)).status == 401


async def test_no_revocation_ends_before_the_last_token_that_it_is_about_can_be_renewed(start_writer, tokens):
    """One of an hour would have ended when the token has run out, and can still be exchanged for a good one."""
    writer = await start_writer(guests=True)
    now_s = time.time()
    await revoke(writer, tokens, "users/guest-x", for_s=3600)
    renewed_until_s = now_s + GUEST_TTL_S + LATE_S
    assert held(writer, "guest-x").is_about(Identity("guest-x", 0, issued_at=now_s), LEEWAY_S, renewed_until_s)
    without = await start_writer()
    await revoke(without, tokens, "users/ann", for_s=3600)
    assert held(without, "ann").until_s == pytest.approx(now_s + 3600, abs=60), "as long as was asked for"


def held(writer: RunningWriter, user: str) -> Revocation:
    revocations = writer.service._revoking.revocations
    assert revocations is not None
    return revocations._held["user", user][0]


async def test_a_writer_that_may_not_have_heard_of_a_revocation_renews_no_token(start_writer, nats_server):
    """What it gave now would say that it was given after the revocation."""
    with NatsProxy(nats_server.port) as proxy:
        writer = await start_writer(guests=True, nats_url=proxy.url)
        token = (await ask(writer)).body["token"]
        proxy.cut()
        async with asyncio.timeout(10):
            while (refused := await ask(writer, token=token)).status == 201:
                pass
        assert (refused.status, refused.body["code"]) == (503, "unavailable")
        assert (await ask(writer)).status == 201, "a new guest is another one"
        proxy.restore()
        async with asyncio.timeout(20):
            while (await ask(writer, token=token)).status != 201:
                pass


async def test_an_address_gets_so_many_new_guests_and_whoever_is_one_already_is_not_counted(start_writer):
    writer = await start_writer(guests=True, guests_per_address=0.01)
    before = refusals()
    answers = [await ask(writer) for _ in range(GUESTS_BURST)]
    assert {answer.status for answer in answers} == {201}
    refused = await ask(writer)
    assert (refused.status, refused.body["code"]) == (429, "too_many")
    assert 50 <= int(refused.headers["Retry-After"]) <= 100
    assert refusals() == before + 1
    assert (await ask(writer, token=answers[0].body["token"])).status == 201
    assert (await ask(writer, name="")).status == 400, "that is told first, and counts as nobody"


async def test_without_that_limit_an_address_gets_as_many_guests_as_it_asks_for(start_writer):
    writer = await start_writer(guests=True, guests_per_address=0)
    answers = await asyncio.gather(*(ask(writer) for _ in range(2 * GUESTS_BURST)))
    assert {answer.status for answer in answers} == {201}


def refusals() -> float:
    return REGISTRY.get_sample_value("livecomments_rate_refusals_total", {"limit": "guests"}) or 0
