"""CORS and HSTS: which pages are told what, on every kind of answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.browsers import BrowserRules, WithBrowserRules
from runtime.settings import Settings

OWN, OTHER = "https://own.example", "https://other.example"


def rules(**settings) -> BrowserRules:
    return BrowserRules(Settings(**({"origins": (OWN,), "cors_origins": (OTHER,)} | settings)))


def told(rules: BrowserRules, origin: str | None, method: str = "GET") -> dict[str, str]:
    fields = rules.fields(method, origin.encode() if origin is not None else None)
    assert len({name for name, _ in fields}) == len(fields)
    return {name.decode(): value.decode() for name, value in fields}


def test_an_own_origin_may_read_with_the_cookie_and_another_of_the_list_without():
    own, other = told(rules(), OWN), told(rules(), OTHER)
    assert (own["access-control-allow-origin"], own["access-control-allow-credentials"]) == (OWN, "true")
    assert other["access-control-allow-origin"] == OTHER
    assert "access-control-allow-credentials" not in other


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "https://own.example.evil.example",
        "https://evilown.example",
        "http://own.example",
        "https://own.example:8443",
        "https://OWN.example",
        "https://own.example/",
        f"{OWN},https://evil.example",
        "*",
    ],
)
def test_any_other_origin_is_told_nothing_and_caches_keep_it_apart(origin):
    assert told(rules(), origin) == {"vary": "origin"}


@given(st.text(st.characters(max_codepoint=255), max_size=40))
def test_nothing_that_is_not_on_a_list_is_ever_repeated(origin):
    every = rules(cors_origins=("*",)).fields("GET", origin.encode())
    said = dict(every)
    if origin != OWN:
        assert said[b"access-control-allow-origin"] == b"*"
        assert b"access-control-allow-credentials" not in said


def test_answers_that_caches_may_keep_say_that_they_differ_by_origin():
    assert told(rules(), None) == {"vary": "origin"}
    assert told(rules(), None, "POST") == {}


def test_strict_transport_security_goes_with_everything_where_it_is_set():
    strict = rules(hsts_s=31_536_000)
    for origin in (None, OWN, "null"):
        for method in ("GET", "POST"):
            assert told(strict, origin, method)["strict-transport-security"] == "max-age=31536000"
    assert (b"strict-transport-security", b"max-age=31536000") in (strict.preflight(OWN.encode()) or ())


@pytest.mark.parametrize(
    "wrong", [{"origins": "*"}, {"origins": "https://a.example/"}, {"cors_origins": "null"}, {"origins": "a.example"}]
)
def test_what_is_no_origin_is_refused_at_the_start(wrong):
    with pytest.raises(ValueError, match="no origin"):
        Settings(**wrong)


async def ask(headers, method="GET", **settings):
    """What the middleware makes of a request, and whether the rest of the part saw it."""
    sent, seen = [], []

    async def rest(scope, receive, send):
        seen.append(scope)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"etag", b'"1"')]})
        await send({"type": "http.response.body", "body": b"x"})

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": method, "headers": [(name.encode(), value.encode()) for name, value in headers]}
    await WithBrowserRules(rest, rules(**settings))(scope, None, send)
    return sent[0]["status"], dict(sent[0]["headers"]), bool(seen)


async def test_a_page_of_a_listed_origin_is_told_what_it_may_and_nobody_else_is_asked():
    ask_for = [("access-control-request-method", "POST"), ("access-control-request-headers", "x-evil")]
    status, fields, seen = await ask([("origin", OTHER), *ask_for], "OPTIONS")
    assert (status, seen) == (204, False)
    assert fields[b"access-control-allow-origin"] == OTHER.encode()
    assert b"DELETE" in fields[b"access-control-allow-methods"]
    assert b"authorization" in fields[b"access-control-allow-headers"]
    assert b"x-evil" not in fields[b"access-control-allow-headers"], "what was asked for is not repeated"
    assert fields[b"x-content-type-options"] == b"nosniff"
    status, fields, seen = await ask([("origin", "https://evil.example"), *ask_for], "OPTIONS")
    assert seen
    assert b"access-control-allow-origin" not in fields


async def test_two_origins_are_none():
    _, fields, _ = await ask([("origin", OWN), ("origin", "https://evil.example")])
    assert b"access-control-allow-origin" not in fields
    assert fields[b"etag"] == b'"1"'
