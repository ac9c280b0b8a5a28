"""RFC 8725 for every algorithm and every place that keys come from: what is refused, and exchange without a restart."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from runtime.settings import Settings
from runtime.tokens import Tokens
from tests.runtime.issuer import Issuer, KeyPair, running_issuer
from wire.problem import Refused

WAYS = [
    ("secret", "HS256"),
    *(("file", algorithm) for algorithm in ("HS256", "RS256", "ES256", "EdDSA")),
    *(("address", algorithm) for algorithm in ("RS256", "ES256", "EdDSA")),
]
STRICT = {"issuer": "https://issuer.example", "audience": "comments", "token_leeway_s": 10}
SOON_S = 10
_secrets = itertools.count(1)


class Secret(KeyPair):
    """A secret that is used as the key pairs are."""

    def __init__(self, kid: str | None = None) -> None:
        self.algorithm, self.kid = "HS256", kid
        self.private = f"a secret with the number {next(_secrets)}, long enough for HS256"

    def jwk(self, **_: Any) -> dict[str, Any]:
        key = base64.urlsafe_b64encode(self.private.encode()).rstrip(b"=").decode()
        return {"kty": "oct", "k": key} | ({"kid": self.kid} if self.kid else {})


class Place:
    """Where keys of one algorithm are put, for a part that reads them there."""

    def __init__(self, kind: str, algorithm: str, folder: Path, issuer: Issuer) -> None:
        self.kind, self.algorithm, self._file, self._issuer = kind, algorithm, folder / "keys", issuer

    def key(self, kid: str) -> KeyPair:
        """Make a key; the secret's file gives keys no names."""
        if self.algorithm == "HS256":
            return Secret(kid if self.kind == "file" else None)
        return KeyPair(self.algorithm, kid)

    def put(self, *keys: KeyPair) -> None:
        match self.kind:
            case "secret":
                self._file.write_text("\n".join(key.private for key in keys))
            case "file":
                self._file.write_text(json.dumps({"keys": [key.jwk() for key in keys]}))
            case _:
                self._issuer.publish(*keys)

    def part(self, **settings: Any) -> Tokens:
        given: dict[str, Any] = {"token_algorithms": (self.algorithm,), **settings}
        if self.kind == "address":
            return Tokens(Settings(**given, token_keys_url=self._issuer.url))
        name = "token_secret_file" if self.kind == "secret" else "token_keys_file"
        return Tokens(Settings(**given, **{name: self._file}))


@pytest.fixture(params=WAYS, ids=" ".join)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with running_issuer() as issuer:
        yield Place(*request.param, tmp_path, issuer)


def assert_refused(tokens: Tokens, token: str, why: str) -> None:
    with pytest.raises(Refused) as refused:
        tokens.check(token)
    assert refused.value.code == "no_token", why


async def until_read(tokens: Tokens, token: str) -> None:
    """An address is read beside everything else."""
    async with asyncio.timeout(SOON_S):
        while True:
            try:
                tokens.check(token)
            except Refused:
                await asyncio.sleep(0.005)
            else:
                return


def good(**claims: Any) -> dict[str, Any]:
    return {"iss": "https://issuer.example", "aud": "comments", **claims}


async def test_the_rules_of_rfc_8725_hold_for_it(place: Place):
    key, stranger = place.key("known"), place.key("known")
    place.put(key)
    tokens = place.part(**STRICT)
    await until_read(tokens, key.token(**good()))
    now = time.time()
    for why, claims in {
        "expired, by more than clocks may be apart": good(exp=now - 11),
        "no exp": good(exp=None),
        "exp is a text": good(exp=str(int(now + 600))),
        "no sub": good(sub=None),
        "sub is a number": good(sub=7),
        "not yet": good(nbf=now + 60),
        "another issuer": good(iss="https://issuer.example.evil.example"),
        "no issuer": good(iss=None),
        "another audience": good(aud="others"),
        "no audience": good(aud=None),
    }.items():
        if why == "sub is a number":
            continue  # PyJWT does not sign that: below
        assert_refused(tokens, key.token(**claims), why)
    for header in ({"crit": ["exp"]}, {"jku": "https://x.example"}, {"x5u": "https://x.example"}, {"b64": False}):
        assert_refused(tokens, key.token(headers=header, **good()), str(header))
    own = {"jwk": stranger.jwk()}
    assert_refused(tokens, stranger.token(headers=own, **good()), "a key of its own")
    assert_refused(tokens, stranger.token(**good()), "another key under the same name")
    assert_refused(tokens, key.token(kid="unknown", **good()), "a name that no key has")
    assert_refused(tokens, key.token(headers={"typ": "logout+jwt"}, **good()), "a token for something else")
    token = key.token(**good())
    head, claims, signature = token.split(".")
    for algorithm in ("none", "None", "", "HS256", "HS512", "RS256", "PS256", "ES256", "ES256K", "EdDSA"):
        if algorithm != place.algorithm:
            changed = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))) | {"alg": algorithm}
            other = base64.urlsafe_b64encode(json.dumps(changed).encode()).rstrip(b"=").decode()
            assert_refused(tokens, f"{other}.{claims}.{signature}", algorithm)
            assert_refused(tokens, f"{other}.{claims}.", algorithm)
    payload = json.dumps(good(sub=7, exp=now + 600)).encode()
    signed = jwt.PyJWS().encode(payload, key.private, key.algorithm, {"kid": key.kid} if key.kid else None)
    assert_refused(tokens, signed, "sub is a number")
    assert tokens.check(token).user_id == "ada", "and the good one still is"


async def test_its_keys_are_exchanged_without_a_restart_and_one_that_goes_takes_its_tokens_along(
    place: Place, monkeypatch
):
    real, passed = time.monotonic, [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: real() + passed[0])
    old, new = place.key("old"), place.key("new")
    place.put(old)
    tokens = place.part()
    await until_read(tokens, old.token())
    place.put(new, old)
    passed[0] += 301
    await until_read(tokens, new.token())
    assert tokens.check(old.token()).user_id == "ada", "both are good while one follows the other"
    place.put(new)
    passed[0] += 301
    async with asyncio.timeout(SOON_S):
        while True:
            try:
                tokens.check(old.token())
            except Refused:
                break
            await asyncio.sleep(0.005)
    assert tokens.check(new.token()).user_id == "ada"
