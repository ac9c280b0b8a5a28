"""A writer that starts before everything it needs is there, or where it does not belong."""

from __future__ import annotations

import asyncio

import pytest

from runtime.settings import SettingsError
from tests.runtime.issuer import KeyPair
from writer.app import make_service


async def test_a_writer_waits_for_jetstream_to_come_up(make_settings, nats_server, streams):
    nats_server.kill()
    service = make_service(make_settings())
    starting = asyncio.create_task(service.start())
    await asyncio.wait([starting], timeout=0.3)
    assert not starting.done()

    await asyncio.to_thread(nats_server.start)
    await asyncio.wait_for(starting, 20)
    await service.stop()


async def test_a_writer_for_another_number_of_shards_does_not_start(make_settings, streams):
    service = make_service(make_settings(shards=3))
    with pytest.raises(SettingsError, match="born with 2 shards"):
        await service.start()
    await service.stop()


async def test_a_writer_without_a_secret_does_not_start(make_settings):
    with pytest.raises(SettingsError, match="LIVECOMMENTS_TOKEN_SECRET_FILE"):
        make_service(make_settings(token_secret_file=None))


async def test_guests_need_a_secret_that_tokens_are_signed_with(make_settings, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text(KeyPair("ES256").public_pem)
    with pytest.raises(SettingsError, match="LIVECOMMENTS_GUESTS=1 needs HS256"):
        make_service(make_settings(guests=True, token_algorithms=("ES256",), token_keys_file=keys))


async def test_a_writer_without_streams_says_what_to_run(make_settings, connection):
    jetstream = connection.jetstream()
    await jetstream.delete_stream("comments-0")
    service = make_service(make_settings())
    with pytest.raises(SettingsError, match="livecomments streams"):
        await service.start()
    await service.stop()
