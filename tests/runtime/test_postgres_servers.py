"""A DSN that names several servers: the first one that answers is taken."""

import asyncio
import time

import pytest

from runtime import postgres
from runtime.settings import Settings
from tests.servers import free_port


def test_a_dsn_that_names_several_servers_is_one_for_each():
    assert postgres.servers("postgresql://me@a:1,b:2/x?y=z") == [
        "postgresql://me@a:1/x?y=z",
        "postgresql://me@b:2/x?y=z",
    ]
    assert postgres.servers("postgresql://a/x") == ["postgresql://a/x"]


@pytest.fixture(scope="module")
def postgres_database(fresh_database):
    return fresh_database()


@pytest.fixture
async def silent_port():
    """The port of a server that takes connections and says nothing."""
    server = await asyncio.start_server(lambda _reader, _writer: asyncio.sleep(60), "127.0.0.1", free_port())
    yield server.sockets[0].getsockname()[1]
    server.close()


async def test_one_that_is_away_and_one_that_is_silent_are_passed_over_and_asked_last_from_then_on(
    postgres_database, silent_port
):
    address = f"127.0.0.1:{postgres_database.server.port}"
    dsn = postgres_database.dsn.replace(address, f"127.0.0.1:{free_port()},127.0.0.1:{silent_port},{address}")
    settings = Settings(postgres_dsn=dsn)
    pool = await postgres.pool(settings, "test")
    try:
        assert await pool.fetchval("SELECT 1") == 1
    finally:
        await postgres.close(pool)
    began = time.monotonic()
    await postgres.close(await postgres.connect(settings, "test"))
    assert time.monotonic() - began < postgres.SERVER_TIMEOUT_S / 2


async def test_a_connection_to_a_second_choice_ends_so_that_the_first_one_is_tried_again(
    postgres_database, monkeypatch
):
    monkeypatch.setattr(postgres, "SECOND_CHOICE_S", 0.0)
    address = f"127.0.0.1:{postgres_database.server.port}"
    pool = await postgres.pool(
        Settings(postgres_dsn=postgres_database.dsn.replace(address, f"127.0.0.1:{free_port()},{address}")), "t"
    )
    try:
        first = await pool.fetchval("SELECT pg_backend_pid()")
        await asyncio.sleep(0)
        assert await pool.fetchval("SELECT pg_backend_pid()") != first
    finally:
        await postgres.close(pool)


async def test_whether_it_is_the_first_server_is_told_of_each_connection_of_a_pool(postgres_database, monkeypatch):
    monkeypatch.setattr(postgres, "SECOND_CHOICE_S", 0.0)
    monkeypatch.setattr(postgres, "AVOID_S", 0.0)
    address, away = f"127.0.0.1:{postgres_database.server.port}", free_port()
    settings = Settings(postgres_dsn=postgres_database.dsn.replace(address, f"127.0.0.1:{away},{address}"))
    told = []
    pool = await postgres.pool(settings, "test", chosen=told.append)
    try:
        await pool.fetchval("SELECT 1")
        await asyncio.sleep(0)
        assert told == [True]
        async with await asyncio.start_server(passing_to(postgres_database.server.port), "127.0.0.1", away):
            await pool.fetchval("SELECT 1")
            assert told == [True, False]
            pool.terminate()
    finally:
        await postgres.close(pool)


def passing_to(port):
    """Return what passes a connection on to a port of this machine."""

    async def copy(source, target):
        try:
            while piece := await source.read(65_536):
                target.write(piece)
        finally:
            target.close()

    async def serve(reader, writer):
        there, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(copy(reader, back), copy(there, writer), return_exceptions=True)

    return serve


async def test_where_none_answers_the_last_ones_error_is_raised():
    dsn = f"postgresql://me@127.0.0.1:{free_port()},127.0.0.1:{free_port()}/x"
    with pytest.raises(postgres.AWAY):
        await postgres.connect(Settings(postgres_dsn=dsn), "test")
