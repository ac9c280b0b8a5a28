"""History that reads the primary because the replica is away says so."""

from prometheus_client import REGISTRY

from history.archive import Archive
from tests.servers import free_port


async def test_whether_it_is_the_replica_that_is_read_is_told(make_settings, streams, postgres):
    address = f"127.0.0.1:{postgres.server.port}"
    read = postgres.settings("history")
    beside = read["postgres_dsn"].replace(address, f"127.0.0.1:{free_port()},{address}")
    two = read["postgres_dsn"].replace(address, f"{address},127.0.0.1:{free_port()}")
    for dsn, told in ((beside, 1), (two, 0)):
        archive = Archive(make_settings(**{**read, "postgres_dsn": dsn}))
        await archive.open()
        try:
            assert await archive.positions()
        finally:
            await archive.close()
        assert REGISTRY.get_sample_value("livecomments_history_second_choice") == told
