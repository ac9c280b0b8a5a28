import pytest
from click.testing import CliRunner

from livecomments.cli import main
from runtime.settings import Settings, SettingsError, read_settings


def test_every_setting_is_listed_with_its_default():
    result = CliRunner().invoke(main, ["settings"])
    assert result.exit_code == 0
    for name in Settings.model_fields:
        assert f"LIVECOMMENTS_{name.upper()}=" in result.stdout
    assert "LIVECOMMENTS_PORT=8080\n" in result.stdout
    assert "LIVECOMMENTS_HOLD_S=10\n" in result.stdout
    assert "LIVECOMMENTS_PUBLIC_READ=0\n" in result.stdout


def test_a_setting_that_is_set_is_shown_beside_its_default(monkeypatch):
    monkeypatch.setenv("LIVECOMMENTS_USER_RATE", "0.5")
    result = CliRunner().invoke(main, ["settings", "--set"])
    assert result.stdout.splitlines()[0] == "LIVECOMMENTS_USER_RATE=0.5    (default: 2)"
    assert len(result.stdout.splitlines()) == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NATS_URL", "nats://user:hunter2@127.0.0.1:4222,nats://other:hunter2@127.0.0.1:4223"),
        ("POSTGRES_DSN", "postgresql://user:hunter2@127.0.0.1/db"),
        ("POSTGRES_DSN", "postgresql://127.0.0.1/db?user=a&password=hunter2&sslmode=require"),
    ],
)
def test_a_password_in_an_address_is_never_shown(monkeypatch, name, value):
    monkeypatch.setenv(f"LIVECOMMENTS_{name}", value)
    result = CliRunner().invoke(main, ["settings"])
    assert "hunter2" not in result.output
    assert "127.0.0.1" in result.output


def test_the_contents_of_a_secret_file_are_never_shown(monkeypatch, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("the contents of the file")
    monkeypatch.setenv("LIVECOMMENTS_TOKEN_SECRET_FILE", str(secret))
    result = CliRunner().invoke(main, ["settings"])
    assert str(secret) in result.stdout
    assert "the contents" not in result.output


@pytest.mark.parametrize(("name", "value"), [("LIVECOMMENTS_USER_RAET", "1"), ("LIVECOMMENTS_PORT", "none")])
def test_with_a_wrong_setting_the_list_is_shown_all_the_same_and_then_what_is_wrong(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    result = CliRunner().invoke(main, ["settings"])
    assert result.exit_code == 1
    assert "LIVECOMMENTS_USER_RATE=2" in result.stdout
    assert name in result.stderr


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PORT", "none", "must be a whole number"),
        ("PORT", "0", "must be at least 1"),
        ("PORT", "70000", "must be at most 65535"),
        ("USER_RATE", "fast", "must be a number"),
        ("USER_RATE", "-1", "must be at least 0"),
        ("GUESTS", "maybe", "must be 1 or 0"),
        ("LOG_LEVEL", "loud", "must be 'debug', 'info', 'warning' or 'error'"),
        ("RETENTION_S", "5", "must be 0, or at least 3600 (an hour)"),
    ],
)
def test_what_a_setting_must_be_is_said_in_plain_words(monkeypatch, name, value, said):
    monkeypatch.setenv(f"LIVECOMMENTS_{name}", value)
    with pytest.raises(SettingsError) as refused:
        read_settings()
    assert str(refused.value) == f"LIVECOMMENTS_{name}={value}: {said}"
