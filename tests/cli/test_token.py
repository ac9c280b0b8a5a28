from pathlib import Path

import pytest
from click.testing import CliRunner

from livecomments.cli import main
from runtime.settings import Settings
from runtime.tokens import Tokens
from wire.problem import Refused


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch) -> Path:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "token").write_text("the secret of a cluster that does not run\n")
    monkeypatch.setenv("LIVECOMMENTS_DATA_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def issued(data_dir: Path):
    """Run `livecomments token` and return whom a part of that cluster takes the token for."""
    checker = Tokens(Settings(token_secret_file=data_dir / "secrets" / "token"))

    def run(*arguments: str):
        result = CliRunner().invoke(main, ["token", *arguments])
        assert result.exit_code == 0, result.output
        assert result.stdout.count("\n") == 1
        return checker.check(result.stdout.strip())

    return run


def test_a_token_names_its_user_and_is_good_for_all_videos(issued):
    identity = issued("--user", "alice")
    assert (identity.user_id, identity.role, identity.videos) == ("alice", "viewer", None)


def test_a_token_has_the_name_the_role_and_the_videos_that_were_asked_for(issued):
    identity = issued("--user", "bob", "--name", "Bob 草", "--role", "host", "--video", "demo", "--video", "other")
    assert identity.name == "Bob 草"
    assert identity.role_on("demo") == identity.role_on("other") == "host"
    with pytest.raises(Refused):
        identity.check_video("third")


def test_a_role_without_a_video_counts_on_all(issued):
    assert issued("--user", "mod", "--role", "moderator").role_on("anything") == "moderator"


def test_a_token_lives_as_long_as_asked(issued):
    import time

    assert issued("--user", "a", "--ttl", "7d").expires_at == pytest.approx(time.time() + 604800, abs=5)


def test_the_secret_may_stand_elsewhere(issued, tmp_path, monkeypatch):
    other = tmp_path / "other"
    other.write_text("another secret, of another cluster altogether")
    monkeypatch.setenv("LIVECOMMENTS_TOKEN_SECRET_FILE", str(other))
    result = CliRunner().invoke(main, ["token", "--user", "a"])
    assert Tokens(Settings(token_secret_file=other)).check(result.stdout.strip()).user_id == "a"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--user", ""],
        ["--user", "a" * 129],
        ["--user", "a\nb"],
        ["--user", "a", "--name", "\x1b[2J"],
        ["--user", "a", "--video", "a b"],
        ["--user", "a", "--video", ""],
        ["--user", "a", "--role", "king"],
        ["--user", "a", "--ttl", "soon"],
        ["--user", "a", "--ttl", "-1h"],
    ],
)
def test_what_no_part_would_accept_is_refused_as_a_wrong_call(data_dir, arguments):
    result = CliRunner().invoke(main, ["token", *arguments])
    assert result.exit_code == 2
    assert result.stdout == ""


def test_without_a_cluster_one_line_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("LIVECOMMENTS_DATA_DIR", str(tmp_path / "nothing"))
    result = CliRunner().invoke(main, ["token", "--user", "a"])
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "make run" in result.stderr


@pytest.mark.parametrize(("secret", "says"), [("", "empty"), ("short", "shorter than 32 bytes")])
def test_a_secret_that_is_none_is_told(data_dir, secret, says):
    (data_dir / "secrets" / "token").write_text(secret)
    result = CliRunner().invoke(main, ["token", "--user", "a"])
    assert result.exit_code == 1
    assert says in result.stderr
