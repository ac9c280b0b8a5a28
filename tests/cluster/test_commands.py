"""`livecomments migrate` and `livecomments streams`: the same as `up` does, for other arrangements."""

import asyncio
import os
import signal
import subprocess
import sys
import time

import asyncpg
import pytest

from cluster import migration
from runtime import jetstream
from runtime.settings import Settings

SHARDS = 3


@pytest.fixture(scope="module")
def empty_database(postgres_server):
    postgres_server.psql("postgres", "CREATE DATABASE of_commands")
    return postgres_server.dsn("of_commands")


@pytest.fixture(scope="module")
def environment(empty_database, nats_server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("secrets")
    for role in ("archiver", "history"):
        (folder / role).write_text(f"it's the {role}'s\n")
    return {
        **os.environ,
        "LIVECOMMENTS_SHARDS": str(SHARDS),
        "LIVECOMMENTS_NATS_URL": nats_server.url,
        "LIVECOMMENTS_POSTGRES_DSN": empty_database,
        "LIVECOMMENTS_ARCHIVER_PASSWORD_FILE": str(folder / "archiver"),
        "LIVECOMMENTS_HISTORY_PASSWORD_FILE": str(folder / "history"),
    }


def livecomments(command, environment):
    return subprocess.run(
        [sys.executable, "-m", "livecomments", command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def state_of(dsn):
    database = await asyncpg.connect(dsn)
    try:
        passwords = await database.fetch(
            "SELECT rolname, rolpassword LIKE 'SCRAM-SHA-256$%' AS scram FROM pg_authid "
            "WHERE rolname LIKE 'livecomments_%' ORDER BY rolname"
        )
        positions = await database.fetch("SELECT shard, through FROM archive_position ORDER BY shard")
        return [tuple(row) for row in passwords], [tuple(row) for row in positions]
    finally:
        await database.close()


async def test_migrate_makes_the_tables_and_gives_the_roles_their_passwords_and_may_be_repeated(
    environment, empty_database
):
    for _ in range(2):
        completed = livecomments("migrate", environment)
        assert (completed.returncode, completed.stdout) == (0, "the database is up to date\n"), completed.stderr
    roles, _ = await state_of(empty_database)
    assert roles == [("livecomments_archiver", True), ("livecomments_history", True)]


def test_two_that_migrate_at_once_wait_for_each_other(environment, postgres_server):
    postgres_server.psql("postgres", "CREATE DATABASE at_once")
    given = {**environment, "LIVECOMMENTS_POSTGRES_DSN": postgres_server.dsn("at_once")}
    command = [sys.executable, "-m", "livecomments", "migrate"]
    running = [subprocess.Popen(command, env=given, stdout=subprocess.DEVNULL) for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]


async def test_several_that_give_the_roles_their_passwords_at_once_wait_for_each_other(fresh_database, tmp_path):
    password = tmp_path / "password"
    password.write_text("secret")
    dsn = fresh_database().dsn
    settings = Settings(postgres_dsn=dsn, archiver_password_file=password, history_password_file=password)

    async def again_and_again():
        database = await asyncpg.connect(dsn)
        try:
            for _ in range(3):
                await migration.set_passwords(database, settings)
        finally:
            await database.close()

    await asyncio.gather(*(again_and_again() for _ in range(4)))


async def test_streams_makes_the_streams_and_a_second_run_changes_nothing(environment, empty_database):
    livecomments("migrate", environment)
    completed = livecomments("streams", environment)
    assert (completed.returncode, completed.stderr) == (0, "")
    before = await state_of(empty_database)
    assert len(before[1]) == SHARDS
    assert livecomments("streams", environment).returncode == 0
    assert await state_of(empty_database) == before
    connection = await jetstream.connect(Settings(nats_url=environment["LIVECOMMENTS_NATS_URL"]), "test")
    try:
        for shard in range(SHARDS):
            answer = await jetstream.api(connection, f"STREAM.INFO.comments-{shard}")
            assert answer["config"]["subjects"] == [f"comments.{shard}.*"]
    finally:
        await jetstream.close(connection)


def test_another_number_of_shards_is_refused_in_one_line(environment):
    livecomments("migrate", environment)
    livecomments("streams", environment)
    completed = livecomments("streams", {**environment, "LIVECOMMENTS_SHARDS": "5"})
    assert completed.returncode == 1
    assert completed.stderr.count("\n") == 1
    assert "born with 3 shards" in completed.stderr


def test_a_migration_that_fails_is_told_in_one_line(environment, postgres_server):
    postgres_server.psql("postgres", "CREATE DATABASE in_the_way")
    postgres_server.psql("in_the_way", "CREATE TABLE comments (other int)")
    dsn = postgres_server.dsn("in_the_way")
    completed = livecomments("migrate", {**environment, "LIVECOMMENTS_POSTGRES_DSN": dsn})
    assert completed.returncode == 1
    assert completed.stderr.count("\n") == 1
    assert 'relation "comments" already exists' in completed.stderr


def test_migrate_says_what_it_waits_for_and_ctrl_c_ends_it_without_a_word(environment):
    nobody = {**environment, "LIVECOMMENTS_POSTGRES_DSN": "postgresql://somebody@127.0.0.1:1/nothing"}
    command = [sys.executable, "-m", "livecomments", "migrate"]
    with subprocess.Popen(command, env=nobody, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as waiting:
        said = waiting.stderr.readline()
        assert "Postgres does not answer" in said
        assert "waiting for up to 60 s (LIVECOMMENTS_POSTGRES_DSN)" in said
        waiting.send_signal(signal.SIGINT)
        assert waiting.communicate(timeout=20) == ("", "")
    assert waiting.returncode == 130


def test_a_part_without_nats_says_so_once_and_not_again_and_again(environment, tmp_path):
    (tmp_path / "token").write_text("a secret of the tests, long enough for HS256\n")
    alone = {
        **environment,
        "LIVECOMMENTS_NATS_URL": "nats://127.0.0.1:1",
        "LIVECOMMENTS_TOKEN_SECRET_FILE": str(tmp_path / "token"),
    }
    command = [sys.executable, "-m", "livecomments", "edge"]
    with subprocess.Popen(command, env=alone, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as part:
        assert "Connection refused" in part.stderr.readline()
        time.sleep(2)  # in which it tries about ten times more
        part.kill()
        assert "Connection refused" not in part.communicate()[1]
