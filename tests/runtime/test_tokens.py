"""Which tokens are good: RFC 8725 point by point, every kind of key, and the signed tokens of a public collection."""

from __future__ import annotations

import base64
import json
import time

import jwt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runtime.settings import Settings, SettingsError
from runtime.token_keys import KeyRefusedError, KeySet, read_jwk
from runtime.tokens import MAX_TOKEN_BYTES, Tokens, read_header
from tests.runtime.issuer import KeyPair
from tests.shared_data import SHARED
from wire.problem import Refused

SECRET = "a secret of the tests, long enough for HS256"
ALL = ("HS256", "RS256", "ES256", "EdDSA")


@pytest.fixture(scope="module")
def pairs() -> dict[str, KeyPair]:
    return {kind: KeyPair(kind, f"key of {kind}") for kind in ALL[1:]}


@pytest.fixture(scope="module")
def make_tokens(tmp_path_factory, pairs):
    def make(**settings) -> Tokens:
        folder = tmp_path_factory.mktemp("keys")
        (folder / "secret").write_text(SECRET)
        (folder / "keys").write_text(json.dumps({"keys": [pair.jwk() for pair in pairs.values()]}))
        given = {"token_algorithms": ALL, "token_secret_file": folder / "secret", "token_keys_file": folder / "keys"}
        return Tokens(Settings(**(given | settings)))

    return make


@pytest.fixture(scope="module")
def tokens(make_tokens) -> Tokens:
    return make_tokens()


def signed(claims=None, secret=SECRET, *, without=(), **headers) -> str:
    given = {"sub": "ada", "exp": int(time.time()) + 600} | (claims or {})
    given = {claim: value for claim, value in given.items() if claim not in without}
    return jwt.encode(given, secret, algorithm=headers.pop("alg", "HS256"), headers=headers or None)


def assembled(header: object, payload: object = None, signature: bytes = b"x" * 32) -> str:
    claims = payload if payload is not None else {"sub": "ada", "exp": int(time.time()) + 600}
    parts = [json.dumps(part).encode() for part in (header, claims)]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in [*parts, signature])


def assert_refused(tokens: Tokens, token: str) -> None:
    with pytest.raises(Refused) as refused:
        tokens.check(token)
    assert (refused.value.code, str(refused.value)) == ("no_token", "no_token")


@pytest.mark.parametrize("kind", ALL[1:])
def test_a_token_of_each_kind_is_good_with_and_without_the_name_of_its_key(tokens, pairs, kind):
    pair = pairs[kind]
    assert tokens.check(pair.token()).user_id == "ada"
    unnamed = jwt.encode({"sub": "b", "exp": time.time() + 60}, pair.private, algorithm=pair.algorithm)
    assert tokens.check(unnamed).user_id == "b"


def test_a_token_of_the_secret_is_good(tokens):
    assert tokens.check(signed({"name": "Ada"})).name == "Ada"
    assert tokens.check(tokens.issue("ben", 60)).user_id == "ben"


@pytest.mark.parametrize("allowed", ALL)
def test_only_algorithms_of_the_list_are_accepted_whatever_keys_there_are(make_tokens, pairs, allowed):
    only = make_tokens(token_algorithms=(allowed,))
    given = {"HS256": signed()} | {kind: pair.token() for kind, pair in pairs.items()}
    for kind, token in given.items():
        if kind == allowed:
            assert only.check(token).user_id == "ada"
        else:
            assert_refused(only, token)


# RFC 8725, section 3.1: the attack of taking what is public (a verifier's key) for the secret of an HMAC.
@pytest.mark.parametrize("kind", ALL[1:])
def test_a_public_key_is_never_taken_for_a_secret(tokens, pairs, kind):
    pair = pairs[kind]
    for known in (pair.public_pem, pair.public_pem.strip(), json.dumps(pair.jwk())):
        for kid in (None, pair.kid):
            header = {"alg": "HS256", "typ": "JWT"} | ({"kid": kid} if kid else {})
            unsigned = assembled(header).rpartition(".")[0]
            signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(
                unsigned.encode(), known.encode()
            )
            assert_refused(tokens, unsigned + "." + base64.urlsafe_b64encode(signature).rstrip(b"=").decode())


def test_a_key_is_good_for_its_own_algorithm_alone(tokens, pairs):
    for kind, pair in pairs.items():
        for other in pairs.values():
            if other is not pair:
                header = {"alg": kind, "kid": other.kid}
                assert_refused(tokens, pair.token(kid=other.kid))
                assert_refused(tokens, assembled(header))
    assert_refused(tokens, jwt.encode({"sub": "a", "exp": time.time() + 60}, pairs["RS256"].private, algorithm="PS256"))


DEFECTS = {
    "empty": lambda: "",
    "none": lambda: assembled({"alg": "none"}, signature=b""),
    "none with a signature": lambda: assembled({"alg": "none"}),
    "nOnE": lambda: assembled({"alg": "nOnE"}),
    "no algorithm": lambda: assembled({"typ": "JWT"}),
    "an algorithm that is a list": lambda: assembled({"alg": ["HS256"]}),
    "an algorithm off the list": lambda: signed(secret=SECRET * 2, alg="HS512"),
    "another secret": lambda: signed(secret="another secret, which is long enough too"),
    "an unknown kid": lambda: signed(kid="unknown"),
    "a kid that is a path": lambda: signed(kid="../../dev/null"),
    "a kid that is SQL": lambda: signed(kid="x' UNION SELECT 'key"),
    "a kid that is a number": lambda: assembled({"alg": "HS256", "kid": 1}),
    "crit": lambda: signed(crit=["exp"]),
    "jku": lambda: signed(jku="https://evil.example/keys"),
    "x5u": lambda: signed(x5u="https://evil.example/chain"),
    "jwk": lambda: signed(jwk={"kty": "oct", "k": "AAAA"}),
    "x5c": lambda: signed(x5c=["AAAA"]),
    "zip": lambda: signed(zip="DEF"),
    "a nested token": lambda: signed(cty="JWT"),
    "a logout token": lambda: signed(typ="logout+jwt"),
    "a header that is a list": lambda: assembled(["HS256"]),
    "no exp": lambda: signed(without=["exp"]),
    "no sub": lambda: signed(without=["sub"]),
    "expired": lambda: signed({"exp": int(time.time()) - 31}),
    "not yet": lambda: signed({"nbf": int(time.time()) + 60}),
    "exp that is a text": lambda: signed({"exp": "tomorrow"}),
    "exp that is a text of digits": lambda: signed({"exp": "99999999999"}),
    "exp that is no number": lambda: assembled({"alg": "HS256"}, {"sub": "a", "exp": float("nan")}),
    "exp without end": lambda: assembled({"alg": "HS256"}, {"sub": "a", "exp": float("inf")}),
    "sub that is a number": lambda: assembled({"alg": "HS256"}, {"sub": 1, "exp": time.time() + 60}),
    "an empty sub": lambda: signed({"sub": ""}),
    "a long sub": lambda: signed({"sub": "x" * 129}),
    "a line feed in sub": lambda: signed({"sub": "a\nb"}),
    "a name that turns what is beside it": lambda: signed({"name": "\u202eada"}),
    "an odd role": lambda: signed({"role": "admin"}),
    "videos that are a text": lambda: signed({"videos": "*"}),
    "five parts": lambda: "a.b.c.d.e",
    "padding": lambda: signed() + "=",
    "white space": lambda: " " + signed(),
    "another alphabet": lambda: signed().replace("_", "/").replace("-", "+") + "+",
    "too long": lambda: signed({"following": ["x" * MAX_TOKEN_BYTES]}),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_every_defect_gets_the_same_answer(tokens, defect):
    assert_refused(tokens, DEFECTS[defect]())


def test_a_signature_has_one_spelling(tokens):
    """The last character of a signature has bits to spare: other spellings of a good token would fill the cache."""
    token = signed()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    others = [token[:-1] + last for last in alphabet if last != token[-1]]
    for other in others:
        assert_refused(tokens, other)


def test_issuer_and_audience_are_checked_where_they_are_set(make_tokens):
    strict = make_tokens(issuer="https://issuer.example", audience="comments")
    good = {"iss": "https://issuer.example", "aud": "comments"}
    assert strict.check(signed(good)).user_id == "ada"
    assert strict.check(signed(good | {"aud": ["x", "comments"]})).user_id == "ada"
    for wrong in ({"iss": "https://issuer.example/"}, {"aud": "comment"}, {"aud": []}, {"iss": None}, {"aud": None}):
        assert_refused(strict, signed(good | wrong, without=[claim for claim in wrong if wrong[claim] is None]))


def test_the_clock_may_be_off_by_the_leeway_and_not_by_more(make_tokens):
    now = time.time()
    lenient, strict = make_tokens(token_leeway_s=30), make_tokens(token_leeway_s=0)
    assert lenient.check(signed({"exp": now - 25})).user_id == "ada"
    assert_refused(strict, signed({"exp": now - 1}))
    with pytest.raises(ValueError, match="30"):
        Settings(token_leeway_s=31)


def test_a_token_from_the_cache_expires_too(make_tokens, monkeypatch):
    tokens, token = make_tokens(token_leeway_s=0), signed({"exp": int(time.time()) + 5})
    assert tokens.check(token).user_id == "ada"
    later = time.time() + 6
    monkeypatch.setattr(time, "time", lambda: later)
    assert_refused(tokens, token)


@given(st.text(st.characters(max_codepoint=300), max_size=80))
@example("." * 10_000)
@example("e30.e30.")
def test_no_text_is_ever_a_failure(text):
    try:
        read_header(text)
    except ValueError:
        return
    raise AssertionError


@pytest.fixture(scope="module")
def good_tokens(pairs):
    return [signed(), *(pair.token() for pair in pairs.values())]


@given(st.data())
def test_a_token_that_was_changed_anywhere_is_refused(tokens, good_tokens, data):
    token = data.draw(st.sampled_from(good_tokens))
    at = data.draw(st.integers(0, len(token) - 1))
    put = data.draw(st.sampled_from("Aa0_-.=~ "))
    changed = token[:at] + put + token[at + 1 :]
    if changed != token:
        assert_refused(tokens, changed)


WEAK = {
    "a short secret": ("token_secret_file", "short"),
    "a long secret of few characters": ("token_secret_file", "abcabcabcabc" * 4),
    "a public key as the secret": ("token_secret_file", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ user@host"),
    "a second secret that is weak": ("token_secret_file", SECRET + "\nshort"),
    "an RSA key of 1024 bits": ("token_keys_file", lambda: KeyPair("RS256 with 1024 bits").public_pem),
    "… as JWK": ("token_keys_file", lambda: json.dumps(KeyPair("RS256 with 1024 bits").jwk())),
    "a private key": ("token_keys_file", lambda: KeyPair("ES256").private_pem),
    "a private JWK": ("token_keys_file", lambda: json.dumps(KeyPair("ES256").jwk(private=True))),
    "a curve of no algorithm": ("token_keys_file", lambda: KeyPair("ES384").public_pem),
    "Ed448": ("token_keys_file", lambda: KeyPair("Ed448").public_pem),
    "a broken PEM": ("token_keys_file", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"),
    "no key at all": ("token_keys_file", "nothing"),
    "a point that is not on the curve": (
        "token_keys_file",
        json.dumps({"kty": "EC", "crv": "P-256", "x": "AAAA" * 10 + "AAA", "y": "AAAA" * 10 + "AAA"}),
    ),
    "a short secret as JWK": ("token_keys_file", '{"kty": "oct", "k": "c2hvcnQ"}'),
    "a key for encryption alone": ("token_keys_file", lambda: json.dumps(KeyPair("RS256").jwk(use="enc"))),
    "a key for another algorithm": ("token_keys_file", lambda: json.dumps(KeyPair("RS256").jwk(alg="PS256"))),
}


@pytest.mark.parametrize("what", WEAK)
def test_weak_and_wrong_keys_are_refused_at_the_start_with_a_word_why(make_tokens, tmp_path, what):
    setting, text = WEAK[what]
    file = tmp_path / "given"
    file.write_text(text if isinstance(text, str) else text())
    with pytest.raises(SettingsError, match=f"LIVECOMMENTS_{setting.upper()}"):
        make_tokens(**{setting: file})


def test_what_is_allowed_and_has_no_key_is_refused_at_the_start(make_tokens, tmp_path):
    file = tmp_path / "keys"
    file.write_text(KeyPair("ES256").public_pem)
    with pytest.raises(SettingsError, match="there is no key for EdDSA, RS256"):
        make_tokens(token_keys_file=file)
    with pytest.raises(ValueError, match="some of HS256, RS256, ES256, EdDSA"):
        Settings(token_algorithms="HS256,none")
    for address in ("http://issuer.example/keys", "file:///etc/passwd", "https:///keys"):
        with pytest.raises(ValueError, match="https address"):
            Settings(token_keys_url=address)


def test_several_pem_keys_and_secrets_may_stand_in_a_file(make_tokens, tmp_path):
    keys = [KeyPair("RS256"), KeyPair("RS256"), KeyPair("ES256"), KeyPair("EdDSA")]
    file, secrets = tmp_path / "keys", tmp_path / "secrets"
    file.write_text("".join(f"a remark\n{key.public_pem}" for key in keys))
    secrets.write_text("the new secret, which is long enough for all\n" + SECRET + "\n")
    tokens = make_tokens(token_keys_file=file, token_secret_file=secrets)
    for key in keys:
        assert tokens.check(key.token()).user_id == "ada"
    assert tokens.check(signed()).user_id == "ada"
    assert jwt.decode(tokens.issue("a", 60), "the new secret, which is long enough for all", ["HS256"])["sub"] == "a"


def test_of_the_signed_tokens_of_a_collection_only_valid_ones_are_taken_with_their_own_keys():
    """Wycheproof: each group names the key. A key that is weak, or for something else, makes all its tokens bad."""
    groups = json.loads((SHARED / "corpora" / "wycheproof_json_web_signature.json").read_text())["testGroups"]
    seen, refused, taken = 0, set(), 0
    for group in groups:
        try:
            key = read_jwk(group.get("public") or group["private"])
        except KeyRefusedError:
            key = None
        keys = KeySet([key] if key is not None else [])
        for test in group["tests"]:
            seen += 1
            text = test["jws"] if isinstance(test["jws"], str) else json.dumps(test["jws"])
            try:
                algorithm, kid = read_header(text)
                keys.verify(algorithm, kid, lambda key, token=text: jwt.PyJWS().decode(token, key.jwk, [key.algorithm]))
            except (jwt.PyJWTError, ValueError):
                if test["result"] == "valid" and key is not None:
                    refused.add(test["comment"])
                continue
            assert test["result"] == "valid", test
            taken += 1
    assert seen == 401
    assert refused == {"emptyPayload"}, "signed rightly, and no claims"
    assert taken == 12
