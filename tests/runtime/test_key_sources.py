"""Keys come and go while a part runs: files that change, an issuer that publishes, is slow, lies, or is away."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time

import pytest

from runtime.settings import Settings
from runtime.tokens import Tokens, UnknownKeyError
from tests.runtime.issuer import Issuer, KeyPair, running_issuer
from tests.servers import ROOT
from wire.problem import Refused

SECRETS = ["the first secret, which is long enough", "the second secret, which is long enough"]
SOON_S = 10


@pytest.fixture
def issuer():
    with running_issuer() as running:
        yield running


@pytest.fixture
def later(monkeypatch):
    """Let so many seconds pass at once."""
    real, passed = time.monotonic, [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: real() + passed[0])

    def pass_by(seconds: float) -> None:
        passed[0] += seconds

    return pass_by


@pytest.fixture(scope="module")
def pair() -> KeyPair:
    return KeyPair("ES256", "first")


@pytest.fixture(scope="module")
def other() -> KeyPair:
    return KeyPair("RS256", "second")


def checker(issuer: Issuer, **settings) -> Tokens:
    given = {"token_algorithms": ("RS256", "ES256", "EdDSA"), "token_keys_url": issuer.url}
    return Tokens(Settings(**(given | settings)))


async def check(tokens: Tokens, token: str) -> str:
    """As the routes do: once more, when it is worth waiting for the issuer."""
    try:
        return tokens.check(token).user_id
    except UnknownKeyError as unknown:
        await unknown.wait()
        return tokens.check(token).user_id


async def code_of(tokens: Tokens, token: str) -> str:
    try:
        return "good " + await check(tokens, token)
    except Refused as refused:
        return refused.code


async def until_asked(issuer: Issuer, times: int) -> None:
    async with asyncio.timeout(SOON_S):
        while issuer.asked < times:  # noqa: ASYNC110  another thread counts
            await asyncio.sleep(0.01)


async def test_a_secret_that_is_put_before_the_old_one_signs_and_one_that_goes_takes_its_tokens_along(tmp_path, later):
    file = tmp_path / "secret"
    file.write_text(SECRETS[0])
    tokens = Tokens(Settings(token_secret_file=file))
    old = tokens.issue("ada", 600)
    assert tokens.check(old).user_id == "ada"

    file.write_text(f"{SECRETS[1]}\n{SECRETS[0]}\n")
    later(1)
    assert tokens.check(old).user_id == "ada", "both are good while one follows the other"
    new = tokens.issue("ben", 600)

    file.write_text(SECRETS[1] + "\n")
    later(1)
    assert await code_of(tokens, old) == "no_token", "out of the cache, too"
    assert tokens.check(new).user_id == "ben"


@pytest.mark.parametrize("broken", ["", "short", None, "\udcff"])
async def test_a_file_that_cannot_be_used_any_more_changes_nothing(tmp_path, later, broken):
    file = tmp_path / "secret"
    file.write_text(SECRETS[0])
    tokens = Tokens(Settings(token_secret_file=file))
    token = tokens.issue("ada", 600)
    if broken is None:
        file.unlink()
    else:
        file.write_text(broken, errors="surrogateescape")
    for _ in range(3):
        later(1)
        assert tokens.check(token).user_id == "ada"
    file.write_text(SECRETS[1])
    later(1)
    assert await code_of(tokens, token) == "no_token", "it is still looked at"


async def test_keys_of_a_file_are_exchanged_without_a_restart(tmp_path, later, pair):
    file, new = tmp_path / "keys", KeyPair("ES256", "new")
    file.write_text(pair.public_pem)
    tokens = Tokens(Settings(token_algorithms=("ES256",), token_keys_file=file))
    unnamed = KeyPair("ES256")
    unnamed.private = pair.private
    assert tokens.check(unnamed.token()).user_id == "ada"
    file.write_text(json.dumps({"keys": [new.jwk()]}))
    later(1)
    assert tokens.check(new.token()).user_id == "ada"
    assert await code_of(tokens, unnamed.token()) == "no_token"


async def test_the_keys_of_an_address_are_read_at_the_start_and_refreshed(issuer, later, pair, other):
    issuer.publish(pair)
    tokens = checker(issuer)
    assert await check(tokens, pair.token()) == "ada"
    assert issuer.asked == 1
    issuer.publish(other)
    issuer.before_answer.clear()
    later(301)
    assert tokens.check(pair.token()).user_id == "ada", "nobody waits for a refresh"
    await until_asked(issuer, 2)
    issuer.before_answer.set()
    async with asyncio.timeout(SOON_S):
        while await code_of(tokens, pair.token()) != "no_token":  # noqa: ASYNC110  another thread reads
            await asyncio.sleep(0.01)
    assert await check(tokens, other.token()) == "ada"


async def test_a_token_of_a_new_key_is_waited_for_and_nobody_can_have_the_issuer_asked_more_often(
    issuer, later, pair, other
):
    issuer.publish(pair)
    tokens = checker(issuer)
    assert await check(tokens, pair.token()) == "ada"
    issuer.publish(pair, other)
    later(31)
    assert set(await asyncio.gather(*(check(tokens, other.token(sub=f"u{n}")) for n in range(20)))) == {
        f"u{n}" for n in range(20)
    }
    assert issuer.asked == 2, "once for all"
    unknown = KeyPair("ES256")
    for number in range(50):
        assert await code_of(tokens, unknown.token(kid=f"made up {number}")) == "no_token"
    assert issuer.asked == 2
    later(31)
    for number in range(50):
        assert await code_of(tokens, unknown.token(kid=f"made up {number}")) == "no_token"
    assert issuer.asked == 3


@pytest.mark.parametrize(
    "answer",
    [
        None,
        (500, b"oops"),
        (200, b"not json"),
        (200, b'{"keys": []}'),
        (200, b'{"keys": [' + b'{"kty": "RSA"},' * 100 + b'{"kty": "RSA"}]}'),
        (200, b'{"keys": [], "x": "' + b"x" * 300_000 + b'"}'),
        (302, b"https://evil.example/keys"),
    ],
)
async def test_while_an_issuer_is_away_or_says_nonsense_its_last_keys_are_good(issuer, later, pair, answer):
    issuer.publish(pair)
    tokens = checker(issuer)
    assert await check(tokens, pair.token()) == "ada"
    issuer.answer = answer
    for times in (2, 3):
        later(301)
        async with asyncio.timeout(SOON_S):
            while issuer.asked < times:
                assert tokens.check(pair.token()).user_id == "ada"
                await asyncio.sleep(0.01)
        assert tokens.check(pair.token(sub="ben")).user_id == "ben"


async def test_keys_of_an_issuer_who_stays_away_are_let_go_in_the_end(issuer, later, pair):
    issuer.publish(pair)
    tokens = checker(issuer, token_keys_stale_s=3600)
    assert await check(tokens, pair.token()) == "ada"
    issuer.go_away()
    later(3601)
    assert await code_of(tokens, pair.token()) == "unavailable"


async def test_before_the_issuer_has_been_heard_nobody_is_told_that_his_token_is_bad(issuer, later, pair):
    tokens = checker(issuer)
    assert await code_of(tokens, pair.token()) == "unavailable"
    assert await code_of(tokens, "garbage") == "no_token", "that can be told without him"
    issuer.publish(pair)
    later(31)
    assert await check(tokens, pair.token()) == "ada"


async def test_nor_while_his_keys_are_read_again_and_again(issuer, pair):
    """A client that is told that its token is bad may stop for good, and it is as good as any."""
    tokens = checker(issuer, token_keys_min_refresh_s=1)
    issuer.before_answer.clear()
    for _ in range(3):
        with pytest.raises(Refused) as refused:
            tokens.check(pair.token())
        assert refused.value.code == "unavailable"
    issuer.before_answer.set()


async def test_a_start_while_the_issuer_is_away_goes_on_with_the_keys_that_were_kept(issuer, tmp_path, pair):
    kept = tmp_path / "kept"
    issuer.publish(pair)
    assert await check(checker(issuer, token_keys_kept_file=kept), pair.token()) == "ada"
    issuer.go_away()
    assert checker(issuer, token_keys_kept_file=kept).check(pair.token()).user_id == "ada"
    os.utime(kept, (0, 0))
    assert await code_of(checker(issuer, token_keys_kept_file=kept), pair.token()) == "unavailable", "too old"


async def test_kept_keys_are_good_for_as_long_as_without_a_start_in_between(issuer, later, tmp_path, pair):
    kept = tmp_path / "kept"
    issuer.publish(pair)
    assert await check(checker(issuer, token_keys_kept_file=kept), pair.token()) == "ada"
    issuer.go_away()
    read_s = time.time() - 3_000
    os.utime(kept, (read_s, read_s))
    tokens = checker(issuer, token_keys_kept_file=kept, token_keys_stale_s=3_600)
    assert tokens.check(pair.token()).user_id == "ada"
    later(590)
    assert tokens.check(pair.token()).user_id == "ada"
    later(20)
    assert await code_of(tokens, pair.token()) == "unavailable", "not for an hour more"


async def test_who_asks_is_told_which_keys_were_withdrawn_and_an_issuer_who_is_away_withdraws_none(
    issuer, later, pair, other
):
    issuer.publish(pair, other)
    tokens = checker(issuer, token_keys_stale_s=3_600)
    told: list[set[str | None]] = []
    tokens.keys_changed = lambda good: told.append({key.kid for key in good})
    assert await check(tokens, pair.token()) == "ada"
    assert told[-1] == {"first", "second"}
    issuer.publish(other)
    later(301)
    async with asyncio.timeout(SOON_S):
        while told[-1] != {"second"}:
            tokens.look()  # nobody brings a token
            await asyncio.sleep(0.01)
    issuer.go_away()
    later(3_601)
    assert await code_of(tokens, other.token()) == "unavailable"
    assert told[-1] == {"second"}


@pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")
async def test_what_an_issuer_should_not_have_published_is_passed_over(issuer, pair):
    secret = {"kty": "oct", "k": "YSBzZWNyZXQgdGhhdCBldmVyeWJvZHkgY2FuIHJlYWQgbm93"}
    weak, private = KeyPair("RS256 with 1024 bits", "weak"), KeyPair("EdDSA", "private")
    issuer.publish(secret, weak, private.jwk(private=True), {"kty": "future"}, pair)
    tokens = checker(issuer)
    assert await check(tokens, pair.token()) == "ada"
    assert await code_of(tokens, weak.token()) == "no_token"
    assert await code_of(tokens, private.token()) == "no_token"


async def test_a_slow_issuer_holds_up_nobody_whose_key_is_known(issuer, later, pair):
    issuer.publish(pair)
    tokens = checker(issuer)
    assert await check(tokens, pair.token()) == "ada"
    issuer.before_answer.clear()
    later(301)
    began = time.perf_counter()
    for number in range(200):
        assert tokens.check(pair.token(sub=f"u{number}")).user_id == f"u{number}"
    assert time.perf_counter() - began < 2
    issuer.before_answer.set()


def test_a_part_can_check_key_pairs_when_the_settings_say_so_and_carries_nothing_for_it_otherwise(tmp_path, pair):
    """`runtime.lean` leaves out cryptography: only where nobody needs it."""
    (tmp_path / "keys").write_text(json.dumps(pair.jwk()))
    said = (
        "import sys, livecomments.commands.parts\n"
        "from runtime.tokens import Tokens\nfrom runtime.settings import read_settings\n"
        "print(Tokens(read_settings()).check(sys.argv[1]).user_id)"
    )
    environment = {
        **os.environ,
        "LIVECOMMENTS_TOKEN_ALGORITHMS": "ES256",
        "LIVECOMMENTS_TOKEN_KEYS_FILE": str(tmp_path / "keys"),
    }
    done = subprocess.run(
        [sys.executable, "-c", said, pair.token()],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "ada\n"


def test_a_token_that_was_checked_before_costs_microseconds(tmp_path):
    (tmp_path / "secret").write_text(SECRETS[0])
    tokens = Tokens(Settings(token_secret_file=tmp_path / "secret"))
    token = tokens.issue("ada", 600)
    tokens.check(token)
    best_s = min(_timed(tokens, token) for _ in range(5))
    assert best_s < 20e-6


def _timed(tokens: Tokens, token: str, times: int = 2_000) -> float:
    began = time.thread_time()
    for _ in range(times):
        tokens.check(token)
    return (time.thread_time() - began) / times
