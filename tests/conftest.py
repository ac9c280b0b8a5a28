"""Fixtures that every part's tests share.

| fixture | lives for | what |
|---|---|---|
| `postgres_server` | the run | one Postgres; `.pause()`, `.kill()`, `.start()` |
| `postgres` | a module | a migrated database of its own: `.dsn`, `.dsn_of(part)`, `.settings(part)` |
| `nats_server` | a module | a nats-server of its own: `.url`, `.pid`, `.kill()`, `.start()` |
| `make_settings` | a module | settings for these servers, with any of them changed |
| `settings` | a module | those settings, unchanged: two shards, the owner's rights in Postgres |
| `streams` | a module | the streams of the shards are there |
| `connection` | a test | a connection to NATS |
| `tokens` | a module | issues tokens that the parts believe |
| `fresh_database` | the run | makes another migrated database |
| `cluster` | the run | a whole cluster, as `livecomments up` starts it: `.url`, `.token(user)`, `.cli(...)` |
| `start_cluster` | a test | starts clusters with settings of their own |
"""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import hypothesis
import pytest
from nats.aio.client import Client

from runtime import jetstream
from runtime.settings import PREFIX, Settings
from runtime.streams import provision
from runtime.tokens import Tokens
from tests.cluster_fixture import cluster, start_cluster
from tests.servers import Database, NatsServer, PostgresServer

__all__ = ["cluster", "start_cluster"]

SHARDS = 2

# A busy machine is no error in what is tested.
hypothesis.settings.register_profile("livecomments", deadline=None)
hypothesis.settings.load_profile("livecomments")

for _name in [name for name in os.environ if name.startswith(PREFIX)]:
    del os.environ[_name]  # a developer's own settings are not the tests'


# What takes longest begins first, so that no process of the run is left alone with it at the end. It needs xdist's
# `--no-loadscope-reorder` (Makefile): by itself it begins with the files that have most tests.
_LONGEST_FIRST = (
    *("tests/faults/test_short_run.py", "tests/web/test_long_chat.py", "tests/web/test_catching_up.py"),
    *("tests/web/", "tests/edge/", "tests/cluster/"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; within them the order stays."""

    def place(item: pytest.Item) -> int:
        return next((at for at, name in enumerate(_LONGEST_FIRST) if item.nodeid.startswith(name)), len(_LONGEST_FIRST))

    items.sort(key=place)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    server = PostgresServer(tmp_path_factory.mktemp("postgres"))
    server.initialise()
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def fresh_database(postgres_server: PostgresServer) -> Callable[[], Database]:
    postgres_server.migrate("migrated")
    numbers = itertools.count(1)

    def make() -> Database:
        name = f"test_{next(numbers)}"
        postgres_server.psql("postgres", f"CREATE DATABASE {name} TEMPLATE migrated STRATEGY file_copy")
        return Database(postgres_server, name)

    return make


@pytest.fixture(scope="module")
def postgres(fresh_database: Callable[[], Database]) -> Database:
    return fresh_database()


@pytest.fixture(scope="module")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    server = NatsServer(tmp_path_factory.mktemp("nats"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def token_secret_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("secrets") / "token"
    path.write_text("a secret of the tests, long enough for HS256\n")
    return path


@pytest.fixture(scope="module")
def make_settings(
    postgres: Database, nats_server: NatsServer, token_secret_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Settings]:
    data_dir = tmp_path_factory.mktemp("data")

    def make(**overrides: Any) -> Settings:
        return Settings(
            **{
                "data_dir": data_dir,
                "shards": SHARDS,
                "nats_url": nats_server.url,
                "token_secret_file": token_secret_file,
                **postgres.settings(),
                **overrides,
            }
        )

    return make


@pytest.fixture(scope="module")
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings()


@pytest.fixture(scope="module")
def tokens(settings: Settings) -> Tokens:
    return Tokens(settings)


@pytest.fixture
async def connection(settings: Settings) -> AsyncIterator[Client]:
    connected = await jetstream.connect(settings, "test")
    yield connected
    await jetstream.close(connected)


@pytest.fixture(scope="module")
async def streams(settings: Settings) -> None:
    await provide_streams(settings)


async def provide_streams(settings: Settings) -> None:
    """Make the streams of the shards, as `livecomments streams` does."""
    connected = await jetstream.connect(settings, "provision")
    database = await asyncpg.connect(settings.postgres_dsn)
    try:
        await provision(connected, database, settings, lambda _: None)
    finally:
        await database.close()
        await jetstream.close(connected)
