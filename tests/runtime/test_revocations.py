"""Revocations: which tokens one is about, which of two counts, and that they are heard of whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest

from runtime import jetstream, revocations
from runtime.jetstream import Reader, Stored
from runtime.metrics import REVOCATIONS_UNREADABLE
from runtime.revocations import Revocation, Revocations, decode_revocation
from runtime.streams import make_moderation_streams
from runtime.tokens import Identity
from tests.proxy import NatsProxy
from wire import subjects
from wire.problem import Refused

LEEWAY_S = 10.0
NOW_S = 1_700_000_000.0

Part = Callable[..., Any]


@pytest.fixture(autouse=True)
def no_reading_in_between(monkeypatch):
    """What is heard was told, or read because a connection was back; not because some seconds had passed."""
    monkeypatch.setattr(revocations, "READ_EVERY_S", 3600)


@pytest.fixture
async def part(make_settings, streams: None) -> AsyncIterator[Part]:
    """`await part(**settings)`: what a part that starts now holds of revocations."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(**changes: Any) -> Revocations:
            settings = make_settings(**{"token_leeway_s": LEEWAY_S, **changes})
            held: list[Revocations] = []

            async def back() -> None:
                held[0].reconnected()

            connection = await jetstream.connect(settings, "part", on_reconnect=back)
            stack.push_async_callback(jetstream.close, connection)
            held.append(Revocations(connection, settings))
            await held[0].start()
            running = asyncio.create_task(held[0].run())

            async def end() -> None:
                assert not running.done(), "it goes on for ever"
                running.cancel()
                await asyncio.wait({running})

            stack.push_async_callback(end)
            return held[0]

        yield start


def user(name: str, *, at_s: float | None = None, for_s: float = 3600, **more: Any) -> Revocation:
    now_s = time.time() if at_s is None else at_s
    return Revocation("user", name, now_s, now_s + for_s, "operator", **more)


def given(name: str, at_s: float | None, token_id: str | None = None) -> Identity:
    return Identity(name, NOW_S + 10 * 3600, issued_at=at_s, token_id=token_id)


async def until_held(parts: list[Revocations], identity: Identity, *, held: bool = True) -> None:
    async with asyncio.timeout(10):
        while any(one.hold(identity) is not held for one in parts):  # noqa: ASYNC110  nobody announces it
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    ("given_s", "is_refused"),
    [
        (NOW_S - 3600, True),
        (NOW_S, True),
        (NOW_S + LEEWAY_S, True),  # its issuer's clock may be that far ahead
        (NOW_S + LEEWAY_S + 1, False),
        (NOW_S + 100 + LEEWAY_S, False),
        (NOW_S + 100 + LEEWAY_S + 1, True),  # from the future: it says nothing of when it was given
        (None, True),
    ],
)
def test_a_users_revocation_is_about_what_was_given_before_as_far_as_clocks_can_tell(given_s, is_refused):
    revocation = user("eve", at_s=NOW_S)
    assert revocation.is_about(given("eve", given_s), LEEWAY_S, NOW_S + 100) is is_refused
    assert not revocation.is_about(given("ann", given_s), LEEWAY_S, NOW_S + 100)


@pytest.mark.parametrize("kind", ["user", "token"])
def test_it_holds_as_long_as_a_token_that_ends_with_it_can_be_taken_by_any_clock(kind):
    """A token is good for the leeway beyond its end, by a clock that may be behind by the leeway."""
    revocation = Revocation(kind, "eve", NOW_S, NOW_S + 60, "operator")
    identity = given("eve", NOW_S - 1, "eve")
    assert revocation.is_about(identity, LEEWAY_S, NOW_S + 60 + 2 * LEEWAY_S - 0.1)
    assert not revocation.is_about(identity, LEEWAY_S, NOW_S + 60 + 2 * LEEWAY_S)


def test_a_tokens_revocation_is_about_that_token_alone():
    revocation = Revocation("token", "one", NOW_S, NOW_S + 60, "operator")
    assert revocation.is_about(given("eve", NOW_S + 50, "one"), LEEWAY_S, NOW_S)
    assert not revocation.is_about(given("one", NOW_S - 50, "two"), LEEWAY_S, NOW_S)
    assert not revocation.is_about(given("one", NOW_S - 50), LEEWAY_S, NOW_S)
    assert not replace(revocation, lifted=True).is_about(given("eve", NOW_S + 50, "one"), LEEWAY_S, NOW_S)


async def test_of_two_the_one_that_was_stored_later_counts_whatever_the_clocks_of_their_writers_say(part):
    """A writer whose clock is behind lifts what one revoked whose clock is ahead, and the other way round."""
    ahead, behind = await part(), await part()
    eve = given("eve", NOW_S)
    await ahead.add(user("eve", at_s=time.time() + 120))
    await until_held([ahead, behind], eve)
    await behind.add(user("eve", at_s=time.time() - 120, lifted=True))
    await until_held([ahead, behind], eve, held=False)
    await behind.add(user("eve", at_s=time.time() - 240))
    late = await part()
    await until_held([ahead, behind, late], eve)


async def test_what_makes_no_sense_is_counted_and_everything_after_it_is_heard(part, connection):
    old = await part()
    before = REVOCATIONS_UNREADABLE._value.get()
    good = orjson.loads(user("x").encode())
    poison = [b"", b"\xff", b"[]", b"{}", b"null", b'"x"', b"[" * 5_000]
    poison += [orjson.dumps({**good, name: wrong}) for name, wrong in (("of", []), ("until_s", "x"), ("at_s", None))]
    poison += [orjson.dumps({**good, "kind": "planet"}), orjson.dumps({**good, "until_s": True})]
    for place, payload in enumerate(poison):
        await connection.request(subjects.revoked(f"poison-{place}"), payload, timeout=5)
    await old.add(user("after poison"))
    late = await part()
    for name in ("after poison", "and on"):
        await until_held([old, late], given(name, NOW_S), held=name == "after poison")
    await late.add(user("and on"))
    await until_held([old, late], given("and on", NOW_S))
    async with asyncio.timeout(10):
        while REVOCATIONS_UNREADABLE._value.get() < before + 2 * len(poison):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    late.reconnected()
    late._read_upto = 0
    await late._read()
    assert REVOCATIONS_UNREADABLE._value.get() == before + 2 * len(poison), "each once at each part"


def test_what_a_later_version_says_besides_is_passed_over():
    one = user("eve", at_s=NOW_S, reason="spam")
    assert decode_revocation(orjson.dumps({**orjson.loads(one.encode()), "further": 1})) == one


async def test_what_was_told_while_a_connection_was_lost_is_known_as_soon_as_it_is_back(part, nats_server):
    with NatsProxy(nats_server.port) as proxy:
        cut_off, other = await part(nats_url=proxy.url), await part()
        proxy.cut()
        await other.add(user("mallory"))
        assert not cut_off.hold(given("mallory", NOW_S))
        proxy.restore()
        await until_held([cut_off], given("mallory", NOW_S))


async def test_once_a_connection_is_back_they_are_current_when_all_were_read_again_and_not_before(
    part, nats_server, monkeypatch
):
    """What was revoked meanwhile is not known yet when a replica answers that lags: no token is renewed by that."""
    asked = 0

    async def nothing_yet(*_: object) -> tuple[list[Stored], int]:
        nonlocal asked
        asked += 1
        return [], 0

    with NatsProxy(nats_server.port) as proxy:
        cut_off, other = await part(nats_url=proxy.url), await part()
        assert cut_off.are_current
        proxy.cut()
        await other.add(user("mallory"))
        with monkeypatch.context() as lagging:
            lagging.setattr(Reader, "kept_after", nothing_yet)
            proxy.restore()
            async with asyncio.timeout(10):
                while asked < 2:
                    assert not cut_off.are_current
                    await asyncio.sleep(0.005)
            assert not cut_off.are_current
        await until_held([cut_off], given("mallory", NOW_S))
        async with asyncio.timeout(10):
            while not cut_off.are_current:  # noqa: ASYNC110
                await asyncio.sleep(0.005)


async def test_where_the_stream_was_set_back_what_is_known_stays_and_what_is_said_next_counts(
    part, connection, settings
):
    """Its numbers begin anew then: a lift under a lower number than its revocation's must not be passed over."""
    one = await part()
    for name in ("ann", "ben", "cy"):
        await one.add(user(name))
    assert "error" not in await jetstream.api(connection, f"STREAM.DELETE.{subjects.REVOCATIONS_STREAM}")
    await make_moderation_streams(connection, settings)
    one.reconnected()
    async with asyncio.timeout(10):
        while one._highest:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    assert one.hold(given("ben", NOW_S))
    await (await part()).add(user("ann", lifted=True))
    await until_held([one], given("ann", NOW_S), held=False)
    assert one.hold(given("cy", NOW_S))


async def test_what_is_known_already_is_not_told_again(part, connection, make_settings):
    told: list[Revocation] = []
    one = Revocations(connection, make_settings(), told.append)
    revocation = user("told once")
    one._take(revocation, 5)
    one._take(revocation, 6)
    assert told == [revocation]


async def test_until_they_were_read_once_no_token_opens_anything(part, connection, settings):
    assert "error" not in await jetstream.api(connection, f"STREAM.DELETE.{subjects.REVOCATIONS_STREAM}")
    one = await part()
    with pytest.raises(Refused, match="unavailable"):
        one.hold(given("ann", NOW_S))
    await make_moderation_streams(connection, settings)
    await until_known(one)
    assert not one.hold(given("ann", NOW_S))


async def test_what_a_replica_lacks_is_not_taken_for_all_there_is(part, monkeypatch):
    """One that came back a moment ago may be asked, and has less than its leader."""
    await (await part()).add(user("mallory"))
    with monkeypatch.context() as patched:
        patched.setattr(Reader, "kept_after", lags)
        one = await part()
        with pytest.raises(Refused, match="unavailable"):
            one.hold(given("ann", NOW_S))
    await until_known(one)
    assert one.hold(given("mallory", NOW_S))
    assert not one.hold(given("ann", NOW_S))


async def lags(*_: object) -> tuple[list[Stored], int]:
    """What a replica answers that has nothing yet."""
    return [], 0


async def until_known(one: Revocations) -> None:
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(Refused):
                one.hold(given("anybody", NOW_S))
                return
            await asyncio.sleep(0.005)
